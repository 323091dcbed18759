//! What a rule may do to the text of a claim: a closed list, each in linear time and bounded in size. No template language:
//! a template yields texts only, so that lists and absent values blur, and one that fails is a person without a name.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Pattern;

/// One step. A step that has nothing to give for a text ends the rule for that text: it is left out and counted.
///
/// ```
/// use rollkeeper::jit::rules::{Transform, transformed};
/// let steps: Vec<Transform> = serde_json::from_str(r#"["trim", "lower", {"before": "@"}]"#).unwrap();
/// assert_eq!(transformed(&steps, " BJensen@acme.com").as_deref(), Some("bjensen"));
/// assert_eq!(transformed(&steps, "bjensen"), None);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Transform {
    /// Without blanks at the ends.
    Trim,
    Lower,
    /// What stands before the first of these separators.
    Before(String),
    /// What stands after the first of them.
    After(String),
    /// What the pattern's first group catches, or all that it matches if it has none.
    Capture(Pattern),
    /// The text that stands beside this one.
    Table(BTreeMap<String, String>),
}

/// The text after all steps; `None` if one of them has nothing to give, or nothing is left.
pub fn transformed(steps: &[Transform], text: &str) -> Option<String> {
    let after = steps.iter().try_fold(text.to_owned(), |text, step| step.apply(text));
    after.filter(|text| !text.is_empty())
}

impl Transform {
    fn apply(&self, text: String) -> Option<String> {
        match self {
            Self::Trim => Some(text.trim().to_owned()),
            Self::Lower => Some(text.to_lowercase()),
            Self::Before(separator) => Some(text.split_once(separator)?.0.to_owned()),
            Self::After(separator) => Some(text.split_once(separator)?.1.to_owned()),
            Self::Capture(pattern) => pattern.capture(&text).map(str::to_owned),
            Self::Table(table) => table.get(&text).cloned(),
        }
    }

    /// What the type alone cannot judge.
    pub(super) fn check(&self) -> Result<(), String> {
        let short = |text: &String, longest: usize| !text.is_empty() && text.len() <= longest;
        match self {
            Self::Before(separator) | Self::After(separator) if !short(separator, 64) => {
                Err("before and after take a separator of 1 to 64 bytes".to_owned())
            }
            Self::Table(table) if table.len() > 1_000 => Err("a table has at most 1000 lines".to_owned()),
            Self::Table(table) if !table.iter().all(|(from, to)| short(from, 256) && short(to, 256)) => {
                Err("a table's texts have 1 to 256 bytes".to_owned())
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn steps(steps: &Value) -> Vec<Transform> {
        serde_json::from_value(steps.clone()).unwrap()
    }

    #[test]
    fn each_step() {
        let table = [
            (json!([]), " As said ", Some(" As said ")),
            (json!(["trim"]), " As said ", Some("As said")),
            (json!(["trim"]), "  ", None),
            (json!(["lower"]), "ÄB", Some("äb")),
            (json!([{"before": "@"}]), "ada@acme@example", Some("ada")),
            (json!([{"before": "@"}]), "@acme", None),
            (json!([{"before": "@"}]), "ada", None),
            (json!([{"after": "::"}]), "a::b::c", Some("b::c")),
            (json!([{"after": ":"}]), "a:", None),
            (json!([{"capture": "^CN=([^,]+)"}]), "CN=Staff,OU=Groups", Some("Staff")),
            (json!([{"capture": "[0-9]+"}]), "dept 42 b 43", Some("42")),
            (json!([{"capture": "^(x)?y"}]), "y", None),
            (json!([{"capture": "^z"}]), "y", None),
            (json!([{"table": {"DE": "Germany"}}]), "DE", Some("Germany")),
            (json!([{"table": {"DE": "Germany"}}]), "FR", None),
            (json!(["trim", "lower", {"after": "/"}, {"table": {"ops": "moby:ops"}}]), " AWS/Ops ", Some("moby:ops")),
        ];
        for (said, text, expected) in table {
            assert_eq!(transformed(&steps(&said), text).as_deref(), expected, "{said} {text:?}");
        }
    }

    #[test]
    fn the_list_is_closed_and_bounded() {
        for unknown in [
            json!(["upper"]),
            json!([{"template": "{{ x }}"}]),
            json!([{"capture": "(?=x)"}]),
            json!([{"capture": "("}]),
        ] {
            assert!(serde_json::from_value::<Vec<Transform>>(unknown.clone()).is_err(), "{unknown}");
        }
        let lines: BTreeMap<String, String> = (0..1_001).map(|n| (n.to_string(), "x".to_owned())).collect();
        for bad in [
            json!({"before": ""}),
            json!({"after": "x".repeat(65)}),
            json!({"table": {"": "x"}}),
            json!({"table": lines}),
        ] {
            assert!(serde_json::from_value::<Transform>(bad.clone()).unwrap().check().is_err());
        }
        assert!(
            steps(&json!(["trim", {"before": "@"}, {"table": {"a": "b"}}])).iter().all(|step| step.check().is_ok())
        );
    }

    fn step() -> impl Strategy<Value = Transform> {
        prop_oneof![
            Just(Transform::Trim),
            Just(Transform::Lower),
            "[@:/]{1,2}".prop_map(Transform::Before),
            "[@:/]{1,2}".prop_map(Transform::After),
            prop::sample::select(vec!["^(.*?)@", "[a-z]+", "(a|b)*c", "^$"])
                .prop_map(|pattern| Transform::Capture(pattern.parse().unwrap())),
            prop::collection::btree_map("[a-c]{1,2}", "[x-z]{1,2}", 0..4).prop_map(Transform::Table),
        ]
    }

    proptest! {
        #[test]
        fn any_text_goes_through_any_steps(steps in prop::collection::vec(step(), 0..6), text in "\\PC{0,40}|[abc@:/ ]{0,12}") {
            let once = transformed(&steps, &text);
            prop_assert_eq!(&once, &transformed(&steps, &text));
            prop_assert!(once.as_ref().is_none_or(|text| !text.is_empty()));
            // Read back from what is stored, the steps are the same steps.
            let stored = serde_json::to_value(&steps).unwrap();
            prop_assert_eq!(transformed(&serde_json::from_value::<Vec<Transform>>(stored).unwrap(), &text), once);
        }
    }
}
