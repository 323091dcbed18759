//! A document as words: what a source can say, or stop saying, on its own.
//!
//! Singular attributes are split to their leaves (`title`, `name.givenName`, `urn:…:2.0:User:department`,
//! `urn:…:2.0:User:manager.value`), so that two sources may own two parts of a name. A multi-valued attribute is one
//! cell: a list is one source's, never a union. The split needs no schema: a URN holds a colon and an attribute's name
//! holds neither a colon nor a dot (RFC 7643 §2.1).

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::scim::document::Document;

/// One cell per leaf of a singular attribute, one per list.
pub fn cells(document: &Document) -> BTreeMap<String, Value> {
    let mut cells = BTreeMap::new();
    for (name, value) in &document.0 {
        match value {
            Value::Object(extension) if name.contains(':') => {
                for (attribute, value) in extension {
                    leaves(&mut cells, format!("{name}:{attribute}"), value);
                }
            }
            value => leaves(&mut cells, name.clone(), value),
        }
    }
    cells
}

fn leaves(cells: &mut BTreeMap<String, Value>, attribute: String, value: &Value) {
    let Value::Object(parts) = value else {
        cells.insert(attribute, value.clone());
        return;
    };
    for (part, value) in parts {
        cells.insert(format!("{attribute}.{part}"), value.clone());
    }
}

/// The document that these words make: `document(&cells(d))` is `d`, the order of keys aside.
pub fn document(words: &BTreeMap<String, Value>) -> Document {
    let mut document = Map::new();
    for (cell, value) in words {
        let (extension, path) = match cell.rsplit_once(':') {
            Some((urn, path)) => (Some(urn), path),
            None => (None, cell.as_str()),
        };
        let (attribute, part) = match path.split_once('.') {
            Some((attribute, part)) => (attribute, Some(part)),
            None => (path, None),
        };
        let place = extension.into_iter().chain(part.map(|_| attribute)).fold(&mut document, inside);
        place.insert(part.unwrap_or(attribute).to_owned(), value.clone());
    }
    Document(document)
}

/// The object of this name, made if need be. A cell that names an attribute whole and one that names a part of it
/// cannot both come from a document; if they are given, the part wins.
fn inside<'m>(map: &'m mut Map<String, Value>, name: &str) -> &'m mut Map<String, Value> {
    let entry = map.entry(name).or_insert(Value::Null);
    if !entry.is_object() {
        *entry = Value::Object(Map::new());
    }
    match entry {
        Value::Object(inner) => inner,
        _ => unreachable!("it was made an object on the line above"),
    }
}

/// What a record's words become when its document comes to say `after`: what it once said and says no more is
/// `Cleared` (`None`), what it never said stays silent. So GET then PUT changes nothing, and a weaker source's word
/// does not come back through a value that was taken away.
pub fn restate(
    before: &BTreeMap<String, Option<Value>>,
    after: BTreeMap<String, Value>,
) -> BTreeMap<String, Option<Value>> {
    let mut words: BTreeMap<String, Option<Value>> = before.keys().map(|cell| (cell.clone(), None)).collect();
    words.extend(after.into_iter().map(|(cell, value)| (cell, Some(value))));
    words
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

    fn read(value: Value) -> Document {
        Document(value.as_object().cloned().unwrap_or_default())
    }

    #[test]
    fn a_document_falls_into_leaves_and_lists() {
        let document = read(json!({
            "userName": "bjensen",
            "name": { "givenName": "Barbara", "familyName": "Jensen" },
            "emails": [{ "value": "b@example.com", "type": "work" }],
            ENTERPRISE: { "department": "Tours", "manager": { "value": "26118915" } },
        }));
        let cells = cells(&document);
        let named: Vec<&str> = cells.keys().map(String::as_str).collect();
        assert_eq!(
            named,
            [
                "emails",
                "name.familyName",
                "name.givenName",
                &format!("{ENTERPRISE}:department"),
                &format!("{ENTERPRISE}:manager.value"),
                "userName",
            ]
        );
        assert_eq!(super::document(&cells), document);
    }

    #[test]
    fn nothing_falls_into_nothing() {
        assert_eq!(cells(&Document::default()), BTreeMap::new());
        assert_eq!(document(&BTreeMap::new()), Document::default());
    }

    #[test]
    fn said_no_more_is_cleared_and_never_said_is_silent() {
        let before = BTreeMap::from([
            ("title".to_owned(), Some(json!("Tour Guide"))),
            ("nickName".to_owned(), Some(json!("Babs"))),
            ("locale".to_owned(), None),
        ]);
        let after =
            BTreeMap::from([("nickName".to_owned(), json!("Barb")), ("userType".to_owned(), json!("Employee"))]);
        let words = restate(&before, after);
        assert_eq!(
            words,
            BTreeMap::from([
                ("title".to_owned(), None),
                ("nickName".to_owned(), Some(json!("Barb"))),
                ("locale".to_owned(), None),
                ("userType".to_owned(), Some(json!("Employee"))),
            ])
        );
    }

    #[test]
    fn a_part_and_its_whole_do_not_panic() {
        let words = BTreeMap::from([("name".to_owned(), json!("x")), ("name.givenName".to_owned(), json!("y"))]);
        assert_eq!(document(&words), read(json!({ "name": { "givenName": "y" } })));
    }
}
