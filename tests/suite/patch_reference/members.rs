//! Edits of a group's members against a set: whatever order they come in, the set is the same.

use std::collections::BTreeMap;

use proptest::prelude::*;
use rollkeeper::scim::document::Document;
use rollkeeper::scim::filter::{Facts, Linked};
use rollkeeper::scim::message::PatchOp;
use rollkeeper::scim::patch::{MemberEdit, Terms, apply};
use rollkeeper::scim::resource_type::Registry;
use serde_json::{Value, json};

use super::cases;

/// Ids that there are, and whether each is a group.
const PEOPLE: [(&str, bool); 6] =
    [("u1", false), ("u2", false), ("u3", false), ("U1", false), ("g1", true), ("g2", true)];

#[derive(Clone, Debug)]
enum Edit {
    Add(Vec<usize>),
    Remove(Vec<usize>),
    RemoveAll,
    Replace(Vec<usize>),
    RemoveOne(usize),
    RemoveEither(usize, usize),
    RemoveGroups,
    RemoveAllBut(usize),
    AddByFilter(usize),
    ReplaceByFilter(usize),
    Display(usize),
    Pathless(Vec<usize>),
}

fn edit() -> impl Strategy<Value = Edit> {
    let one = 0..PEOPLE.len();
    let some = || prop::collection::vec(0..PEOPLE.len(), 0..4);
    prop_oneof![
        some().prop_map(Edit::Add),
        some().prop_map(Edit::Remove),
        Just(Edit::RemoveAll),
        some().prop_map(Edit::Replace),
        one.clone().prop_map(Edit::RemoveOne),
        (one.clone(), one.clone()).prop_map(|(a, b)| Edit::RemoveEither(a, b)),
        Just(Edit::RemoveGroups),
        one.clone().prop_map(Edit::RemoveAllBut),
        one.clone().prop_map(Edit::AddByFilter),
        one.clone().prop_map(Edit::ReplaceByFilter),
        one.prop_map(Edit::Display),
        some().prop_map(Edit::Pathless),
    ]
}

fn id(index: usize) -> &'static str {
    PEOPLE[index].0
}

fn listed(of: &[usize]) -> Value {
    of.iter().map(|&index| json!({"value": id(index), "display": "whoever"})).collect()
}

impl Edit {
    fn operation(&self) -> Value {
        let by = |condition: String| format!("members[{condition}]");
        let is = |index: &usize| format!("value eq \"{}\"", id(*index));
        match self {
            Edit::Add(of) => json!({"op": "add", "path": "members", "value": listed(of)}),
            Edit::Remove(of) => json!({"op": "Remove", "path": "MEMBERS", "value": listed(of)}),
            Edit::RemoveAll => json!({"op": "remove", "path": "members"}),
            Edit::Replace(of) => json!({"op": "replace", "path": "members", "value": listed(of)}),
            Edit::RemoveOne(index) => json!({"op": "remove", "path": by(is(index))}),
            Edit::RemoveEither(a, b) => json!({"op": "remove", "path": by(format!("{} or {}", is(a), is(b)))}),
            Edit::RemoveGroups => json!({"op": "remove", "path": "members[type eq \"group\"]"}),
            Edit::RemoveAllBut(index) => json!({"op": "remove", "path": by(format!("not ({})", is(index)))}),
            Edit::AddByFilter(index) => json!({"op": "add", "path": by(is(index)), "value": listed(&[*index])}),
            Edit::ReplaceByFilter(index) => json!({"op": "replace", "path": by(is(index)), "value": listed(&[*index])}),
            Edit::Display(index) => {
                json!({"op": "replace", "path": format!("{}.display", by(is(index))), "value": "x"})
            }
            Edit::Pathless(of) => json!({"op": "replace", "value": {"members": listed(of), "displayName": "staff"}}),
        }
    }

    fn of_set(&self, set: &mut Vec<usize>) {
        match self {
            Edit::Add(of) => set.extend(of),
            Edit::Remove(of) => set.retain(|index| !of.contains(index)),
            Edit::RemoveAll => set.clear(),
            Edit::Replace(of) | Edit::Pathless(of) => *set = of.clone(),
            Edit::RemoveOne(gone) => set.retain(|index| index != gone),
            Edit::RemoveEither(a, b) => set.retain(|index| index != a && index != b),
            Edit::RemoveGroups => set.retain(|&index| !PEOPLE[index].1),
            Edit::RemoveAllBut(kept) => set.retain(|index| index == kept),
            Edit::AddByFilter(index) => set.push(*index),
            // The member that the filter names, by itself: nothing changes.
            Edit::ReplaceByFilter(_) | Edit::Display(_) => {}
        }
        set.sort_unstable();
        set.dedup();
    }
}

/// What the edits make of a set, each by its own words.
fn edited(before: &[usize], edits: &[MemberEdit]) -> Vec<String> {
    let mut set: BTreeMap<String, ()> = before.iter().map(|&index| (id(index).to_owned(), ())).collect();
    for edit in edits {
        match edit {
            MemberEdit::Add(members) => set.extend(members.iter().map(|member| (member.value.clone(), ()))),
            MemberEdit::Remove(ids) => set.retain(|id, ()| !ids.contains(id)),
            MemberEdit::RemoveAll => set.clear(),
            MemberEdit::Replace(members) => set = members.iter().map(|member| (member.value.clone(), ())).collect(),
            MemberEdit::RemoveWhere(filter) => set.retain(|id, ()| !is_selected(filter, id)),
        }
    }
    set.into_keys().collect()
}

fn is_selected(filter: &rollkeeper::scim::filter::Bound, id: &str) -> bool {
    let registry = Registry::builtin();
    let is_group = PEOPLE.iter().any(|(known, is_group)| *known == id && *is_group);
    let member = Linked {
        value: id.to_owned(),
        kind: if is_group { "Group" } else { "User" }.to_owned(),
        display: None,
        reference: String::new(),
    };
    filter.matches(&Facts {
        id: "group",
        kind: registry.type_named("Group").expect("built in"),
        external_id: None,
        active: None,
        created: 0,
        modified: 0,
        version: 1,
        location: "",
        document: &Document::default(),
        members: &[member],
        groups: &[],
    })
}

proptest! {
    #![proptest_config(cases(500))]

    #[test]
    fn members_are_a_set(before in prop::collection::vec(0..PEOPLE.len(), 0..6), edits in prop::collection::vec(edit(), 0..6)) {
        let registry = Registry::builtin();
        let kind = registry.type_named("Group").expect("built in");
        let operations: Vec<Value> = edits.iter().map(Edit::operation).collect();
        let operations = PatchOp::read(&json!({"Operations": operations})).expect("operations").operations;
        let Value::Object(document) = json!({"displayName": "staff"}) else { unreachable!("an object") };
        let patched = apply(kind, &Document(document), &Terms::default(), &operations).expect("nothing to refuse");

        let mut set = before.clone();
        edits.iter().for_each(|edit| edit.of_set(&mut set));
        set.sort_unstable();
        set.dedup();
        let mut expected: Vec<&str> = set.into_iter().map(id).collect();
        expected.sort_unstable();
        prop_assert_eq!(edited(&before, &patched.members), expected, "{:?}", edits);
    }
}
