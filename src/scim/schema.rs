//! Attribute definitions (RFC 7643 §2 and §7): what every other file of this room is driven by.
//!
//! Read from `schemas/*.json`, which are in SCIM's own form and also what `/Schemas` answers. Names compare
//! ASCII-case-insensitively everywhere (RFC 7643 §2.1) and are printed in the schema's spelling.
//!
//! ```
//! use rollkeeper::scim::schema::Schema;
//!
//! let schema = Schema::parse(r#"{"id": "urn:example:Pet", "name": "Pet", "attributes": [{"name": "furColor"}]}"#)?;
//! assert_eq!(schema.attribute("FURCOLOR").map(|a| a.name.as_str()), Some("furColor"));
//! # Ok::<(), String>(())
//! ```

use std::collections::HashSet;

use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;
use serde_with::skip_serializing_none;

use super::resource_type::urn;

/// A schema: a URN and its attributes (RFC 7643 §7).
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Schema {
    pub id: String,
    pub name: String,
    #[serde(default)]
    pub description: String,
    pub attributes: Vec<Attribute>,
}

impl Schema {
    /// The attribute of that name, in any case.
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes.iter().find(|a| a.name.eq_ignore_ascii_case(name))
    }

    /// Reads a schema file. A definition that breaks a rule of RFC 7643 is refused with a sentence that names the
    /// attribute; a server must not start on a schema that it cannot enforce.
    pub fn parse(json: &str) -> Result<Schema, String> {
        let mut schema: Schema = serde_json::from_str(json).map_err(|error| format!("not a schema: {error}"))?;
        let raw: Value = serde_json::from_str(json).map_err(|error| format!("not a schema: {error}"))?;
        let depth = if schema.id.eq_ignore_ascii_case(urn::SCHEMA) { 3 } else { 2 };
        check_all(&mut schema.attributes, &raw["attributes"], "", depth)
            .map_err(|reason| format!("{}: {reason}", schema.id))?;
        Ok(schema)
    }

    /// The representation that `/Schemas` answers, without `meta`, which the edge adds.
    pub fn to_json(&self) -> Value {
        serde_json::json!({
            "schemas": [urn::SCHEMA],
            "id": self.id,
            "name": self.name,
            "description": self.description,
            "attributes": self.attributes,
        })
    }
}

/// One attribute or sub-attribute definition. What a definition leaves out gets the defaults of RFC 7643 §2.2.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attribute {
    pub name: String,
    #[serde(rename = "type", default)]
    pub kind: Type,
    #[serde(default)]
    pub multi_valued: bool,
    #[serde(default)]
    pub description: String,
    #[serde(default)]
    pub required: bool,
    #[serde(default)]
    pub canonical_values: Vec<String>,
    #[serde(default)]
    pub case_exact: bool,
    #[serde(default)]
    pub mutability: Mutability,
    #[serde(default)]
    pub returned: Returned,
    #[serde(default)]
    pub uniqueness: Uniqueness,
    #[serde(default)]
    pub reference_types: Vec<String>,
    #[serde(default)]
    pub sub_attributes: Vec<Attribute>,
    /// How often a change of the definition gave the index other keys: each generation has a path of its own there.
    #[serde(skip)]
    pub generation: u32,
}

impl Attribute {
    /// The sub-attribute of that name, in any case.
    pub fn sub(&self, name: &str) -> Option<&Attribute> {
        self.sub_attributes.iter().find(|a| a.name.eq_ignore_ascii_case(name))
    }
    pub fn is_complex(&self) -> bool {
        self.kind == Type::Complex
    }
    pub fn is_read_only(&self) -> bool {
        self.mutability == Mutability::ReadOnly
    }
    /// Whether the value stands for another SCIM resource: a complex attribute with `value` and `$ref`, such as
    /// `members` and `manager`.
    pub fn is_link(&self) -> bool {
        self.sub("$ref").is_some() && self.sub("value").is_some()
    }
}

/// RFC 7643 §2.3: these eight data types and no others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Type {
    #[default]
    String,
    Boolean,
    Decimal,
    Integer,
    DateTime,
    Binary,
    Reference,
    Complex,
}

impl Type {
    /// RFC 7643 §2.3: case has a meaning for text alone.
    pub fn has_case(self) -> bool {
        matches!(self, Self::String | Self::Reference | Self::Binary)
    }
    /// RFC 7643 §2.3.2, §2.3.5, §2.3.6, §2.3.8: these types have no uniqueness.
    pub fn has_uniqueness(self) -> bool {
        !matches!(self, Self::Boolean | Self::DateTime | Self::Binary | Self::Complex)
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Mutability {
    ReadOnly,
    #[default]
    ReadWrite,
    Immutable,
    WriteOnly,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Returned {
    Always,
    Never,
    #[default]
    Default,
    Request,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Uniqueness {
    #[default]
    None,
    Server,
    Global,
}

/// Prints every characteristic that the type has, and none that it has not (RFC 7643 §2.3; Entra wants no nulls).
impl Serialize for Attribute {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[skip_serializing_none]
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Printed<'a> {
            name: &'a str,
            #[serde(rename = "type")]
            kind: Type,
            multi_valued: bool,
            description: &'a str,
            required: bool,
            canonical_values: Option<&'a [String]>,
            case_exact: Option<bool>,
            mutability: Mutability,
            returned: Returned,
            uniqueness: Option<Uniqueness>,
            reference_types: Option<&'a [String]>,
            sub_attributes: Option<&'a [Attribute]>,
        }
        fn some<T>(list: &[T]) -> Option<&[T]> {
            (!list.is_empty()).then_some(list)
        }
        Printed {
            name: &self.name,
            kind: self.kind,
            multi_valued: self.multi_valued,
            description: &self.description,
            required: self.required,
            canonical_values: some(&self.canonical_values),
            case_exact: self.kind.has_case().then_some(self.case_exact),
            mutability: self.mutability,
            returned: self.returned,
            uniqueness: self.kind.has_uniqueness().then_some(self.uniqueness),
            reference_types: some(&self.reference_types),
            sub_attributes: some(&self.sub_attributes),
        }
        .serialize(serializer)
    }
}

/// RFC 7643 §2.1: one ASCII letter, then letters, digits, `$`, `-`, `_`; and `$ref`, which the grammar forgot
/// (erratum 8924).
pub fn is_name(name: &str) -> bool {
    let mut chars = name.strip_prefix('$').unwrap_or(name).chars();
    chars.next().is_some_and(|first| first.is_ascii_alphabetic())
        && chars.all(|c| c.is_ascii_alphanumeric() || matches!(c, '$' | '-' | '_'))
}

/// `depth` counts the levels still allowed, this one included. RFC 7643 §2.3.8: a complex attribute has only simple
/// sub-attributes; the Schema resource alone goes one deeper (§7).
fn check_all(attributes: &mut [Attribute], raw: &Value, within: &str, depth: usize) -> Result<(), String> {
    let mut seen = HashSet::new();
    for (index, attribute) in attributes.iter_mut().enumerate() {
        let at = if within.is_empty() { attribute.name.clone() } else { format!("{within}.{}", attribute.name) };
        if !seen.insert(attribute.name.to_ascii_lowercase()) {
            return Err(format!("attribute {at} is defined twice"));
        }
        check(attribute, &raw[index], depth).map_err(|reason| format!("attribute {at}: {reason}"))?;
        check_all(&mut attribute.sub_attributes, &raw[index]["subAttributes"], &at, depth - 1)?;
    }
    Ok(())
}

fn check(attribute: &mut Attribute, raw: &Value, depth: usize) -> Result<(), String> {
    let kind = attribute.kind;
    if !is_name(&attribute.name) {
        return Err("a name is one letter, then letters, digits, '$', '-' or '_'".into());
    }
    if attribute.is_complex() && depth < 2 {
        return Err("a complex attribute cannot be inside another".into());
    }
    if attribute.is_complex() == attribute.sub_attributes.is_empty() {
        return Err("complex attributes have subAttributes, and only they".into());
    }
    // A definition that sets what its type has not would promise what nobody enforces.
    if !kind.has_uniqueness() && raw.get("uniqueness").is_some() {
        return Err("an attribute of this type has no uniqueness".into());
    }
    if !kind.has_case() && raw.get("caseExact").is_some() {
        return Err("an attribute of this type has no caseExact".into());
    }
    if kind != Type::Reference && !attribute.reference_types.is_empty() {
        return Err("only a reference has referenceTypes".into());
    }
    // RFC 7643 §7: what is only written is not shown; and a clash would tell a value that nobody may read.
    if attribute.mutability == Mutability::WriteOnly && attribute.returned != Returned::Never {
        return Err("a writeOnly attribute is returned never".into());
    }
    if attribute.returned == Returned::Never && attribute.uniqueness != Uniqueness::None {
        return Err("an attribute that is returned never has no uniqueness".into());
    }
    if attribute.mutability == Mutability::ReadOnly && attribute.returned == Returned::Never {
        return Err("an attribute that is readOnly and returned never is of no use to a client".into());
    }
    // RFC 7643 §2.3.6, §2.3.7: these are case exact whatever the definition (or the RFC's own §8.7.1) says.
    if matches!(kind, Type::Reference | Type::Binary) {
        attribute.case_exact = true;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_of_a_definition() {
        let refused = [
            (r#"{"name": "1st"}"#, "a name is one letter"),
            (r#"{"name": "a.b"}"#, "a name is one letter"),
            (r#"{"name": ""}"#, "a name is one letter"),
            (r#"{"name": "n", "type": "number"}"#, "unknown variant `number`"),
            (r#"{"name": "n", "type": "boolean", "uniqueness": "none"}"#, "has no uniqueness"),
            (r#"{"name": "n", "type": "integer", "caseExact": false}"#, "has no caseExact"),
            (r#"{"name": "n", "type": "complex"}"#, "have subAttributes"),
            (r#"{"name": "n", "subAttributes": [{"name": "a"}]}"#, "have subAttributes"),
            (r#"{"name": "n", "referenceTypes": ["User"]}"#, "only a reference"),
            (r#"{"name": "n"}, {"name": "N"}"#, "defined twice"),
            (r#"{"name": "n", "mutability": "writeOnly"}"#, "a writeOnly attribute is returned never"),
            (r#"{"name": "n", "returned": "never", "uniqueness": "server"}"#, "has no uniqueness"),
            (r#"{"name": "n", "mutability": "readOnly", "returned": "never"}"#, "of no use"),
            (
                r#"{"name": "n", "type": "complex", "subAttributes": [
                    {"name": "deep", "type": "complex", "subAttributes": [{"name": "a"}]}]}"#,
                "attribute n.deep: a complex attribute cannot be inside another",
            ),
        ];
        for (attribute, reason) in refused {
            let error = Schema::parse(&schema_with(attribute)).expect_err(attribute);
            assert!(error.contains(reason), "{attribute}: {error}");
        }
        for name in ["a", "$ref", "x-1", "a_b$"] {
            Schema::parse(&schema_with(&format!(r#"{{"name": "{name}"}}"#))).expect(name);
        }
    }

    #[test]
    fn what_a_definition_leaves_out_gets_the_defaults() {
        let schema =
            Schema::parse(&schema_with(r#"{"name": "color"}, {"name": "home", "type": "reference"}"#)).unwrap();
        let expected = Attribute { name: "color".into(), ..Attribute::default() };
        assert_eq!(schema.attribute("COLOR"), Some(&expected));
        assert!(schema.attribute("home").is_some_and(|a| a.case_exact), "references are case exact");
    }

    #[test]
    fn a_type_prints_only_the_characteristics_it_has() {
        let schema = Schema::parse(&schema_with(
            r#"{"name": "active", "type": "boolean"}, {"name": "age", "type": "integer"}, {"name": "key", "type": "binary"}"#,
        ))
        .unwrap();
        let printed: Vec<_> = (0..3)
            .map(|index| {
                let attribute = &schema.to_json()["attributes"][index];
                (attribute.get("caseExact").is_some(), attribute.get("uniqueness").is_some())
            })
            .collect();
        assert_eq!(printed, [(false, false), (false, true), (true, false)]);
        assert!(!schema.to_json().to_string().contains("null"));
    }

    fn schema_with(attributes: &str) -> String {
        format!(r#"{{"id": "urn:example:Test", "name": "Test", "attributes": [{attributes}]}}"#)
    }
}
