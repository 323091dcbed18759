//! Entity tags (RFC 7644 §3.14, RFC 9110 §8.8.3 and §13.1): how a resource's version reads on the wire, and what
//! `If-Match` and `If-None-Match` say.
//!
//! A tag is weak and names the stored version: `W/"7"`. Where an answer also holds what is not part of the stored
//! resource (a user's `groups`), a digest of that is added, `W/"7-1f3a"`: a cached answer is stale when only the
//! digest moved, but a write may still go ahead.

use std::fmt;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tag {
    pub version: i64,
    pub digest: Option<u32>,
}

impl Tag {
    pub fn new(version: i64) -> Self {
        Self { version, digest: None }
    }

    pub fn with_digest(version: i64, digest: u32) -> Self {
        Self { version, digest: Some(digest) }
    }

    /// Reads one tag, with or without `W/` and quotes; `None` if it cannot be one of ours.
    ///
    /// ```
    /// use rollkeeper::scim::version::Tag;
    /// assert_eq!(Tag::parse("W/\"7-1f3a\""), Some(Tag::with_digest(7, 0x1f3a)));
    /// ```
    pub fn parse(text: &str) -> Option<Tag> {
        let text = text.trim();
        // RFC 7644 §3.14 sends weak tags in `If-Match`, so the comparison is by the opaque part.
        let text = text.strip_prefix("W/").or_else(|| text.strip_prefix("w/")).unwrap_or(text);
        let text = match text.strip_prefix('"') {
            Some(opened) => opened.strip_suffix('"')?,
            None => text,
        };
        let (version, digest) = match text.split_once('-') {
            Some((version, digest)) => (version, Some(digest)),
            None => (text, None),
        };
        let plain = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_hexdigit());
        if !plain(version) || digest.is_some_and(|digest| !plain(digest)) {
            return None;
        }
        let digest = digest.map(|digest| u32::from_str_radix(digest, 16)).transpose().ok()?;
        Some(Tag { version: version.parse().ok()?, digest })
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.digest {
            Some(digest) => write!(f, "W/\"{}-{digest:x}\"", self.version),
            None => write!(f, "W/\"{}\"", self.version),
        }
    }
}

/// The value of `If-Match` or `If-None-Match`: `*`, or a list of tags. What is not one of our tags matches nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tags {
    Any,
    List(Vec<Tag>),
}

impl Tags {
    pub fn parse(header: &str) -> Tags {
        let header = header.trim();
        if header == "*" || header == "\"*\"" {
            return Tags::Any;
        }
        // A foreign tag may hold a comma between its quotes.
        let mut quoted = false;
        let between = |c: char| {
            quoted ^= c == '"';
            c == ',' && !quoted
        };
        Tags::List(header.split(between).filter_map(Tag::parse).collect())
    }

    /// For `If-Match`: whether a write to this stored version may go ahead. Digests do not count.
    pub fn matches_version(&self, version: i64) -> bool {
        match self {
            Tags::Any => true,
            Tags::List(tags) => tags.iter().any(|tag| tag.version == version),
        }
    }

    /// For `If-None-Match`: whether the client already holds exactly this answer.
    pub fn matches_tag(&self, current: Tag) -> bool {
        match self {
            Tags::Any => true,
            Tags::List(tags) => tags.contains(&current),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_reads_back() {
        for tag in [Tag::new(1), Tag::new(i64::MAX), Tag::with_digest(7, 0), Tag::with_digest(7, u32::MAX)] {
            assert_eq!(Tag::parse(&tag.to_string()), Some(tag));
        }
        assert_eq!(Tag::with_digest(7, 0x1f3a).to_string(), "W/\"7-1f3a\"");
        assert_eq!(Tag::new(7).to_string(), "W/\"7\"");
    }

    #[test]
    fn headers() {
        // header, version 7 may be written, `W/"7"` is known, `W/"7-1f"` is known
        for (header, write, plain, marked) in [
            ("*", true, true, true),
            ("W/\"7\"", true, true, false),
            ("\"7\"", true, true, false),
            ("7", true, true, false),
            ("w/7", true, true, false),
            ("W/\"7-1f\"", true, false, true),
            ("W/\"6\", W/\"7\"", true, true, false),
            ("\"6\",\"8\"", false, false, false),
            ("\"abc,7,def\"", false, false, false),
            ("", false, false, false),
            ("\"7", false, false, false),
            ("W/\"+7\"", false, false, false),
            ("W/\"e180\"", false, false, false),
            ("W/\"7-\"", false, false, false),
            ("W/\"99999999999999999999\"", false, false, false),
        ] {
            let tags = Tags::parse(header);
            assert_eq!(
                (tags.matches_version(7), tags.matches_tag(Tag::new(7)), tags.matches_tag(Tag::with_digest(7, 0x1f))),
                (write, plain, marked),
                "{header}"
            );
        }
    }
}
