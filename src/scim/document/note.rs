//! Leniencies by name. A trace shows them; the strict profile turns those into refusals that an RFC calls errors.

use crate::scim::error::{Error, ScimType};

/// A leniency that was used: `boolean_as_string` at `active`. It names attributes, never values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    pub code: &'static str,
    pub at: String,
}

impl Note {
    /// `"True"` for `true`: Entra.
    pub const BOOLEAN_AS_STRING: &'static str = "boolean_as_string";
    /// `12` for `"12"` in `externalId`: Okta's samples.
    pub const NUMBER_AS_TEXT: &'static str = "number_as_text";
    /// `"id"` for `{"value": "id"}`: Entra's `manager`.
    pub const TEXT_AS_COMPLEX: &'static str = "text_as_complex";
    /// `{..}` for `[{..}]`.
    pub const SINGLE_VALUE_AS_ARRAY: &'static str = "single_value_as_array";
    /// `[{..}]` for `{..}`.
    pub const ARRAY_AS_SINGLE_VALUE: &'static str = "array_as_single_value";
    /// `""` where no value can be empty: `externalId`, `manager`.
    pub const EMPTY_TEXT_AS_UNASSIGNED: &'static str = "empty_text_as_unassigned";
    /// Two elements with the same `type` and `value`; one was kept.
    pub const DUPLICATE_VALUE: &'static str = "duplicate_value";
    /// More than one `primary`; the first was kept: Ping.
    pub const TWO_PRIMARIES: &'static str = "two_primaries";
    /// A link with `$ref` and no `value`.
    pub const VALUE_FROM_REFERENCE: &'static str = "value_from_reference";
    /// A `$ref` that names nothing, or something else than `value`.
    pub const REFERENCE_IGNORED: &'static str = "reference_ignored";
    /// An attribute that no schema of the type has; ignored.
    pub const UNKNOWN_ATTRIBUTE: &'static str = "unknown_attribute";
    /// A URN that the type does not know; ignored with all it holds.
    pub const UNKNOWN_SCHEMA: &'static str = "unknown_schema";
    /// A URN that is known to be misspelt, or of SCIM 1.1.
    pub const SCHEMA_ALIAS: &'static str = "schema_alias";
    /// `schemas` was missing or left the base schema out.
    pub const SCHEMA_INFERRED: &'static str = "schema_inferred";
    /// An extension's values without its URN in `schemas`: Entra.
    pub const SCHEMA_NOT_LISTED: &'static str = "schema_not_listed";
    /// An extension's attribute outside its container: legacy Entra mappings.
    pub const EXTENSION_ATTRIBUTE_AT_TOP: &'static str = "extension_attribute_at_top";
    /// A readOnly attribute in a PATCH value, as the client read it; ignored: Okta's `id`.
    pub const READ_ONLY_ECHOED: &'static str = "read_only_echoed";
    /// A PATCH path whose filter selected nothing; the value it describes was created: Entra.
    pub const CREATED_FROM_FILTER: &'static str = "created_from_filter";
    /// A PATCH `remove` whose filter selected nothing: Okta and Entra repeat themselves.
    pub const NOTHING_TO_REMOVE: &'static str = "nothing_to_remove";
    /// A key of a PATCH value that is a path (`name.givenName`, a URN and a name): Entra.
    pub const PATH_AS_KEY: &'static str = "path_as_key";
    /// `emails[type eq "work"].value eq "x"` in a filter: Entra.
    pub const SUB_ATTRIBUTE_AFTER_VALUE_FILTER: &'static str = "sub_attribute_after_value_filter";
    /// A word without quotes for a string in a filter: Entra.
    pub const UNQUOTED_STRING: &'static str = "unquoted_string";

    /// What the strict profile answers: an error, where the RFCs have one for what was sent.
    pub fn strictly(&self) -> Option<Error> {
        let (kind, detail) = match self.code {
            Self::BOOLEAN_AS_STRING => (ScimType::InvalidValue, "a boolean is true or false, without quotes"),
            Self::NUMBER_AS_TEXT => (ScimType::InvalidValue, "expected a string, this is a number"),
            Self::TEXT_AS_COMPLEX => (ScimType::InvalidValue, "expected an object, this is a string"),
            Self::SINGLE_VALUE_AS_ARRAY => (ScimType::InvalidValue, "expected an array, this is one value"),
            Self::ARRAY_AS_SINGLE_VALUE => (ScimType::InvalidValue, "expected one value, this is an array"),
            Self::TWO_PRIMARIES => (ScimType::InvalidValue, "several values are primary, at most one can be"),
            Self::UNKNOWN_SCHEMA => (ScimType::InvalidValue, "this resource type has no such schema"),
            Self::SCHEMA_ALIAS => (ScimType::InvalidValue, "this is not the schema's URN"),
            Self::SCHEMA_NOT_LISTED => (ScimType::InvalidValue, "schemas does not name this extension"),
            Self::SCHEMA_INFERRED => (ScimType::InvalidSyntax, "schemas must name the resource type's schema"),
            Self::EXTENSION_ATTRIBUTE_AT_TOP => (ScimType::InvalidValue, "this belongs under its extension's URN"),
            Self::CREATED_FROM_FILTER => (ScimType::NoTarget, "the filter selects no value"),
            Self::PATH_AS_KEY => (ScimType::InvalidPath, "a key of a value is an attribute's name, not a path"),
            Self::SUB_ATTRIBUTE_AFTER_VALUE_FILTER => {
                (ScimType::InvalidFilter, "nothing follows the brackets in a filter")
            }
            Self::UNQUOTED_STRING => (ScimType::InvalidFilter, "a string is in double quotes"),
            _ => return None,
        };
        Some(Error::new(400, Some(kind), format!("{}: {detail} (the profile of this connection is strict)", self.at)))
    }
}
