//! Pages of the administrator's lists: `startIndex` from 1 and `count`, as SCIM's lists have them.

use crate::http::refusal::Refusal;

const DEFAULT_COUNT: i64 = 100;
const MAX_COUNT: i64 = 1000;

/// A query string: the page, and the parameters that the list itself knows.
pub struct Paging {
    pub start_index: i64,
    pub count: i64,
    others: Vec<(String, String)>,
}

impl Paging {
    /// What is out of range is brought into it; a parameter that the list does not know is refused by its name, because a
    /// misspelt one would answer everything.
    pub fn read(query: Option<&str>, known: &[&str]) -> Result<Self, Refusal> {
        let mut read = Self { start_index: 1, count: DEFAULT_COUNT, others: Vec::new() };
        for (name, value) in url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            let number = || value.parse::<i64>().map_err(|_| Refusal::invalid(format!("{name} is an integer")));
            match &*name {
                "startIndex" => read.start_index = number()?.max(1),
                "count" => read.count = number()?.clamp(0, MAX_COUNT),
                name if known.contains(&name) => read.others.push((name.to_owned(), value.clone().into_owned())),
                name => return Err(Refusal::invalid(format!("this list knows no parameter {name:?}"))),
            }
        }
        Ok(read)
    }

    pub fn other(&self, name: &str) -> Option<&str> {
        self.others.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages() {
        for (query, start_index, count) in
            [("", 1, 100), ("startIndex=0&count=5", 1, 5), ("startIndex=7&count=-1", 7, 0), ("count=100000", 1, 1000)]
        {
            let read = Paging::read(Some(query), &["state"]).unwrap();
            assert_eq!((read.start_index, read.count), (start_index, count), "{query}");
        }
        assert_eq!(Paging::read(Some("state=open"), &["state"]).unwrap().other("state"), Some("open"));
        for query in ["count=many", "stat=open"] {
            assert!(Paging::read(Some(query), &["state"]).is_err(), "{query}");
        }
    }
}
