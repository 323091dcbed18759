//! What a client asks about an answer: the query string of a GET (RFC 7644 §3.4.2, §3.9) or the SearchRequest of a
//! `.search` (§3.4.3), which mean the same.

use super::refusal::Refusal;
use crate::directory::{Query, Wants};
use crate::scim::message::SearchRequest;
use crate::scim::projection::Selection;
use crate::scim::resource_type::ResourceType;

/// Without `count`, and at most (RFC 7644 §3.4.2.4 leaves both to the server).
pub const DEFAULT_COUNT: i64 = 100;
pub const MAX_COUNT: i64 = 1000;
/// Far more than there are.
const MOST_PARAMETERS: usize = 64;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parameters {
    pub attributes: Option<String>,
    pub excluded_attributes: Option<String>,
    pub filter: Option<String>,
    sort_by: Option<String>,
    sort_order: Option<String>,
    start_index: Option<i64>,
    count: Option<i64>,
}

impl Parameters {
    /// Form-encoded, so that `+` is a blank (Entra sends `filter=userName+eq+…`). Names in any case, because an
    /// ignored `filter` hurts more than a misspelt one; unknown names are ignored.
    pub fn from_query(query: &str) -> Result<Self, Refusal> {
        let mut read = Self::default();
        for (index, (name, value)) in url::form_urlencoded::parse(query.as_bytes()).enumerate() {
            if index == MOST_PARAMETERS {
                return Err(Refusal::invalid(format!("more than {MOST_PARAMETERS} query parameters")));
            }
            let value = value.into_owned();
            match name.to_ascii_lowercase().as_str() {
                "attributes" => join(&mut read.attributes, value),
                "excludedattributes" => join(&mut read.excluded_attributes, value),
                "filter" => once(&mut read.filter, "filter", value)?,
                "sortby" => once(&mut read.sort_by, "sortBy", value)?,
                "sortorder" => once(&mut read.sort_order, "sortOrder", value)?,
                "startindex" => once(&mut read.start_index, "startIndex", integer("startIndex", &value)?)?,
                "count" => once(&mut read.count, "count", integer("count", &value)?)?,
                _ => {}
            }
        }
        Ok(read)
    }

    pub fn from_search(request: SearchRequest) -> Self {
        let list = |names: Option<Vec<String>>| names.map(|names| names.join(","));
        Self {
            attributes: list(request.attributes),
            excluded_attributes: list(request.excluded_attributes),
            filter: request.filter,
            sort_by: request.sort_by,
            sort_order: request.sort_order,
            start_index: request.start_index,
            count: request.count,
        }
    }

    /// Whether there is a `filter` at all, for the lists that take none.
    pub fn has_filter(query: &str) -> bool {
        url::form_urlencoded::parse(query.as_bytes()).any(|(name, _)| name.eq_ignore_ascii_case("filter"))
    }

    pub fn selection(&self, kind: &ResourceType) -> Result<Selection, Refusal> {
        Ok(Selection::parse(kind, self.attributes.as_deref(), self.excluded_attributes.as_deref())?)
    }

    /// Whether the client said anything about attributes.
    pub fn selects(&self) -> bool {
        let said = |list: &Option<String>| list.as_deref().is_some_and(|list| !list.trim().is_empty());
        said(&self.attributes) || said(&self.excluded_attributes)
    }

    /// RFC 7644 §3.4.2.4: what is out of range is brought into it, never refused.
    pub fn query(&self, wants: Wants, base: &str) -> Result<Query, Refusal> {
        Ok(Query {
            filter: self.filter.clone(),
            sort_by: self.sort_by.clone().filter(|name| !name.trim().is_empty()),
            descending: self.descending()?,
            start_index: self.start_index.unwrap_or(1).max(1),
            count: self.count.unwrap_or(DEFAULT_COUNT).clamp(0, MAX_COUNT),
            wants,
            base: format!("{base}/"),
        })
    }

    fn descending(&self) -> Result<bool, Refusal> {
        match self.sort_order.as_deref().map(str::trim) {
            None | Some("") => Ok(false),
            Some(order) if order.eq_ignore_ascii_case("ascending") => Ok(false),
            Some(order) if order.eq_ignore_ascii_case("descending") => Ok(true),
            Some(_) => Err(Refusal::invalid("sortOrder is \"ascending\" or \"descending\"")),
        }
    }
}

/// A repeated list is one longer list.
fn join(list: &mut Option<String>, more: String) {
    match list {
        Some(list) => *list = format!("{list},{more}"),
        None => *list = Some(more),
    }
}

/// One of two different filters would be ignored, so neither is taken.
fn once<T>(slot: &mut Option<T>, name: &str, value: T) -> Result<(), Refusal> {
    if slot.replace(value).is_some() {
        return Err(Refusal::invalid(format!("the query parameter {name} is given twice")));
    }
    Ok(())
}

/// Whole numbers of any length; those beyond 64 bits are only very far out of range.
fn integer(name: &str, text: &str) -> Result<i64, Refusal> {
    let digits = text.trim().strip_prefix(['-', '+']).unwrap_or(text.trim());
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(Refusal::invalid(format!("{name} is an integer")));
    }
    let negative = text.trim().starts_with('-');
    Ok(digits.parse().map_or(if negative { i64::MIN } else { i64::MAX }, |n: i64| if negative { -n } else { n }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scim::ScimType;

    fn query(text: &str) -> Result<Query, Refusal> {
        Parameters::from_query(text).and_then(|parameters| parameters.query(Wants::default(), "http://h"))
    }

    #[test]
    fn pages() {
        for (text, start_index, count) in [
            ("", 1, 100),
            ("startIndex=0&count=5", 1, 5),
            ("startIndex=-5&count=-1", 1, 0),
            ("STARTINDEX=7&Count=1000", 7, 1000),
            ("count=100000", 1, 1000),
            ("count=99999999999999999999", 1, 1000),
            ("count=-99999999999999999999", 1, 0),
            ("count=0", 1, 0),
            ("aadOptscim062020&foo=1", 1, 100),
        ] {
            let query = query(text).unwrap();
            assert_eq!((query.start_index, query.count), (start_index, count), "{text}");
        }
    }

    #[test]
    fn filters_and_orders() {
        for (text, filter, sort_by, descending) in [
            ("filter=userName+eq+%22a%2Bb%22", Some("userName eq \"a+b\""), None, false),
            ("filter=userName%20eq%20%22a%22", Some("userName eq \"a\""), None, false),
            ("FILTER=", Some(""), None, false),
            ("sortBy=title&sortOrder=Descending", None, Some("title"), true),
            ("sortby=&sortorder=", None, None, false),
        ] {
            let query = query(text).unwrap();
            assert_eq!((query.filter.as_deref(), query.sort_by.as_deref()), (filter, sort_by), "{text}");
            assert_eq!(query.descending, descending, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_meant() {
        for text in ["count=ten", "count=", "startIndex=1.5", "sortOrder=up", "filter=a&filter=b"] {
            let refusal = query(text).unwrap_err();
            assert_eq!((refusal.status.as_u16(), refusal.scim_type), (400, Some(ScimType::InvalidValue)), "{text}");
        }
    }

    #[test]
    fn lists_of_attributes() {
        let read = Parameters::from_query("attributes=userName,title&Attributes=emails").unwrap();
        assert_eq!(read.attributes.as_deref(), Some("userName,title,emails"));
        assert!(read.selects());
        assert!(!Parameters::from_query("attributes=").unwrap().selects());
    }
}
