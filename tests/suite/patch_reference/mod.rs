//! PATCH against a second, naive PATCH (`reference.rs`, straight from the decision tables): random resource types with every
//! characteristic, random documents, random operations. Both come to the same document, or to the same `scimType`.
//!
//! `ROLLKEEPER_TEST_CASES=100000 cargo nextest run patch_reference::` hunts for longer.

mod conditions;
mod dice;
mod kinds;
mod members;
mod reference;
mod requests;
mod values;

use proptest::prelude::*;
use rollkeeper::scim::ScimType;
use rollkeeper::scim::document::Document;
use rollkeeper::scim::message::Operation;
use rollkeeper::scim::patch::{Terms, apply};
use serde_json::{Map, Value};

use self::dice::Dice;

/// Cases of each property: few in every run, as many as you like by hand.
fn cases(of_every_run: u32) -> ProptestConfig {
    let wanted = std::env::var("ROLLKEEPER_TEST_CASES").ok().and_then(|cases| cases.parse().ok());
    ProptestConfig { cases: wanted.unwrap_or(of_every_run), failure_persistence: None, ..ProptestConfig::default() }
}

fn bytes(most: usize) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..most)
}

proptest! {
    #![proptest_config(cases(1500))]

    #[test]
    fn patch_does_what_the_tables_say(types in bytes(220), values in bytes(160), operations in bytes(160)) {
        let kind = kinds::kind(&Dice::new(&types));
        let before = kinds::document(&kind, &Dice::new(&values));
        let wishes = requests::wishes(&kind, &Dice::new(&operations));
        let operations: Vec<Operation> = wishes.iter().map(requests::Wish::operation).collect();

        let expected = reference::apply(&kind, &before, &wishes);
        let document = Document(before.clone());
        let found = apply(&kind, &document, &Terms::default(), &operations);
        let found: Result<Map<String, Value>, &str> = match found {
            Ok(patched) => Ok(patched.document.0),
            Err(error) => Err(error.scim_type.map_or("none", ScimType::as_str)),
        };
        let told = serde_json::to_string_pretty(&operations).unwrap_or_default();
        prop_assert_eq!(&found, &expected, "{}\nof {:#?}\nby {}", told, before, serde_json::json!(kind.schema.to_json()));
        // A failed one changes nothing, and what comes out is canonical: reading it again changes nothing.
        prop_assert_eq!(&document.0, &before);
        if let Ok(after) = found {
            let read = Document::read(&kind, &Value::Object(after.clone())).map(|read| read.document.0);
            prop_assert_eq!(read, Ok(after), "{}", told);
        }
    }
}
