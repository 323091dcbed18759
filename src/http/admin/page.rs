//! `after` and `limit` of a page, and what else a list's query may say.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use crate::http::Site;
use crate::http::refusal::Refusal;

const DEFAULT_LIMIT: i64 = 100;
const MAX_LIMIT: i64 = 1000;

/// The query of a list, taken apart.
#[derive(Debug)]
pub struct Page {
    /// Behind which this page begins: the `next` of the page before.
    pub after: Option<String>,
    pub limit: i64,
    /// What is left: filters by name.
    rest: Vec<(String, String)>,
}

impl Page {
    pub fn of(query: &str) -> Result<Self, Refusal> {
        let mut page = Self { after: None, limit: DEFAULT_LIMIT, rest: Vec::new() };
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            if value.contains('\0') {
                return Err(Refusal::invalid(format!("{name} holds U+0000, which nothing here has")));
            }
            match &*name {
                "after" => page.after = Some(value.into_owned()).filter(|cursor| !cursor.is_empty()),
                "limit" => {
                    let number: i64 = value.parse().map_err(|_| Refusal::invalid("limit is an integer"))?;
                    page.limit = number.clamp(1, MAX_LIMIT);
                }
                _ => page.rest.push((name.into_owned(), value.into_owned())),
            }
        }
        Ok(page)
    }

    pub fn value(&self, name: &str) -> Option<&str> {
        self.rest.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn count(&self) -> usize {
        usize::try_from(self.limit).unwrap_or_default()
    }

    /// `true` and `false`; absent is false.
    pub fn flag(&self, name: &str) -> Result<bool, Refusal> {
        match self.value(name) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(Refusal::invalid(format!("{name} is true or false"))),
        }
    }
}

impl FromRequestParts<Site> for Page {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &Site) -> Result<Self, Refusal> {
        Self::of(parts.uri.query().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages() {
        for (query, after, limit) in
            [("", None, 100), ("after=&limit=0", None, 1), ("after=a%3Db&limit=5000", Some("a=b"), 1000)]
        {
            let page = Page::of(query).unwrap();
            assert_eq!((page.after.as_deref(), page.limit), (after, limit), "{query}");
        }
        let page = Page::of("group=7&dryRun=true&odd=1").unwrap();
        assert_eq!((page.value("group"), page.value("none")), (Some("7"), None));
        assert!(page.flag("dryRun").unwrap() && !page.flag("preview").unwrap() && page.flag("odd").is_err());
        assert!(Page::of("limit=many").is_err() && Page::of("after=%00").is_err());
    }
}
