use super::{Error, document::*, filter::Bound, message::Operation, resource_type::ResourceType};
pub struct Patched {
    pub document: Document,
    pub members: Vec<MemberEdit>,
    pub notes: Vec<Note>,
}
pub enum MemberEdit {
    Add(Vec<Member>),
    Remove(Vec<String>),
    RemoveWhere(Bound),
    RemoveAll,
    Replace(Vec<Member>),
}
pub fn apply(_kind: &ResourceType, _before: &Document, _operations: &[Operation]) -> Result<Patched, Error> {
    todo!()
}
