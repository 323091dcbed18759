//! What a client asks about an answer: the query string of a GET (RFC 7644 §3.4.2, §3.9) or the SearchRequest of a
//! `.search` (§3.4.3), which mean the same.

use super::refusal::Refusal;
use crate::directory::{ByCursor, Limits, Query, Wants};
use crate::scim;
use crate::scim::message::SearchRequest;
use crate::scim::projection::Selection;
use crate::scim::resource_type::ResourceType;

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
    /// RFC 9865 §2: empty for the first page.
    cursor: Option<String>,
}

impl Parameters {
    /// Form-encoded, so that `+` is a blank (Entra sends `filter=userName+eq+…`). Names in any case, because an
    /// ignored `filter` hurts more than a misspelt one; unknown names are ignored.
    pub fn from_query(query: &str) -> Result<Self, Refusal> {
        let mut read = Self::default();
        let mut count = None;
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
                "count" => once(&mut count, "count", value)?,
                "cursor" => once(&mut read.cursor, "cursor", value)?,
                _ => {}
            }
        }
        read.count = match count.map(|text| integer("count", &text)) {
            // The name that RFC 9865 §2.1 gives to it, to whoever pages by its rules.
            Some(Err(refusal)) if read.cursor.is_some() => {
                return Err(scim::Error::invalid_count(refusal.detail).into());
            }
            count => count.transpose()?,
        };
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
            cursor: request.cursor,
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
    pub fn query(&self, wants: Wants, base: &str, limits: &Limits) -> Result<Query, Refusal> {
        Ok(Query {
            filter: self.filter.clone(),
            sort_by: self.sort_by.clone().filter(|name| !name.trim().is_empty()),
            descending: self.descending()?,
            start_index: self.start_index.unwrap_or(1).max(1),
            count: self.count.unwrap_or(limits.default_count).clamp(0, limits.max_count),
            wants,
            base: format!("{base}/"),
        })
    }

    /// RFC 9865 §2.4: `cursor` selects this way of paging, `startIndex` the other; with neither it is the other, as
    /// before there were cursors. They may only stand together where they mean the same.
    pub fn by_cursor(&self, limits: &Limits) -> Result<Option<ByCursor>, Refusal> {
        let Some(cursor) = &self.cursor else { return Ok(None) };
        let is_first = self.start_index.is_none_or(|start| start <= 1 && cursor.is_empty());
        if !is_first {
            return Err(
                scim::Error::invalid_cursor("cursor and startIndex are two ways of paging: send one of them").into()
            );
        }
        Ok(Some(ByCursor {
            cursor: Some(cursor.clone()).filter(|cursor| !cursor.is_empty()),
            count: self.count.map(|count| count.clamp(0, limits.max_count)),
            limits: *limits,
        }))
    }

    /// For a list that is complete but for its pages: a filter or an order that is ignored would hurt.
    pub fn of_pages_only(&self) -> Result<(), Refusal> {
        if self.filter.is_some() {
            return Err(scim::Error::invalid_filter(
                "this list takes no filter: ask for `members.value` of the groups",
            )
            .into());
        }
        if self.sort_by.is_some() || self.start_index.is_some_and(|start| start > 1) {
            return Err(Refusal::invalid(
                "this list is in the order of ids and paged by cursor: leave out sortBy and startIndex",
            ));
        }
        Ok(())
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
        let limits = Limits::default();
        Parameters::from_query(text).and_then(|parameters| parameters.query(Wants::default(), "http://h", &limits))
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
    fn cursors() {
        let read = |text: &str| {
            let parameters = Parameters::from_query(text)?;
            Ok::<_, Refusal>(parameters.by_cursor(&Limits::default())?.map(|asked| (asked.cursor, asked.count)))
        };
        for (text, expected) in [
            ("", None),
            ("startIndex=3", None),
            ("cursor", Some((None, None))),
            ("cursor=&count=10", Some((None, Some(10)))),
            ("Cursor=&startIndex=1&count=-3", Some((None, Some(0)))),
            ("cursor=abc&count=100000", Some((Some("abc".to_owned()), Some(1000)))),
        ] {
            assert_eq!(read(text).unwrap(), expected, "{text}");
        }
        for (text, scim_type) in [
            ("cursor=abc&startIndex=1", ScimType::InvalidCursor),
            ("cursor=&startIndex=2", ScimType::InvalidCursor),
            ("count=ten&cursor=", ScimType::InvalidCount),
            ("cursor=&count=", ScimType::InvalidCount),
            ("cursor=&cursor=", ScimType::InvalidValue),
        ] {
            assert_eq!(read(text).unwrap_err().scim_type, Some(scim_type), "{text}");
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
