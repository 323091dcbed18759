//! Text → [`Filter`], by recursive descent with a bound on depth, so that no input can exhaust the stack.
//!
//! Names, operators and the words `and`, `or`, `not`, `true`, `false`, `null` are read in any case (RFC 7644 §3.4.2.2),
//! and blanks between tokens do not matter. Two forms outside the grammar have one meaning only and are sent by Entra:
//! a word without quotes as a string (fixture ENT-07), and `emails[type eq "work"].value eq "x"` (ENT-05). Both are
//! reported in the notes.

use super::{Filter, Literal, Op};
use crate::scim::document::Note;
use crate::scim::error::Error;
use crate::scim::path::{AttributePath, is_name};

/// RFC 7644 §7.7 asks for bounds; these are far above what clients send.
pub const LONGEST: usize = 8 * 1024;
pub const DEEPEST: usize = 64;

impl Filter {
    /// Reads a filter. The error names the column, counted from 1, and what was expected there.
    pub fn parse(text: &str) -> Result<Filter, Error> {
        Ok(Self::parse_with_notes(text)?.0)
    }

    /// Reads a filter and says which leniencies it needed.
    pub fn parse_with_notes(text: &str) -> Result<(Filter, Vec<Note>), Error> {
        let mut parser = Parser::new(text)?;
        let filter = parser.filter()?;
        parser.space();
        if !parser.rest().is_empty() {
            return Err(parser.expected("'and', 'or' or the end of the filter"));
        }
        Ok((filter, parser.notes))
    }
}

/// A PATCH path (RFC 7644 §3.5.2): an attribute, or some of its values, or a part of those.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ValuePath {
    /// With a sub-attribute only where there is no filter.
    pub path: AttributePath,
    pub filter: Option<Filter>,
    /// What follows the brackets.
    pub sub: Option<String>,
    pub notes: Vec<Note>,
}

impl ValuePath {
    pub fn parse(text: &str) -> Result<ValuePath, Error> {
        let invalid =
            |detail: String| Error::invalid_path(format!("the path '{}' is wrong: {detail}", shortened(text)));
        if text.len() > LONGEST {
            return Err(invalid(format!("it is longer than {LONGEST} bytes")));
        }
        let Some(bracket) = text.find('[') else {
            let path = text.trim().parse().map_err(invalid)?;
            return Ok(ValuePath { path, filter: None, sub: None, notes: Vec::new() });
        };
        let path: AttributePath = text[..bracket].trim().parse().map_err(invalid)?;
        if path.sub.is_some() {
            return Err(invalid("a filter belongs to an attribute, not to a sub-attribute".into()));
        }
        // RFC 7644 §3.5.2: no array index.
        if text[bracket + 1..].split(']').next().is_some_and(|inner| inner.trim().bytes().all(|b| b.is_ascii_digit())) {
            return Err(invalid("brackets hold a filter, not an index".into()));
        }
        let mut parser = Parser::new(text)?;
        parser.at = bracket;
        let filter = parser.brackets()?;
        let sub = match parser.rest().trim_end() {
            "" => None,
            rest => match rest.strip_prefix('.').filter(|sub| is_name(sub)) {
                Some(sub) => Some(sub.to_owned()),
                None => return Err(invalid("after ']' comes '.' and a sub-attribute, or nothing".into())),
            },
        };
        Ok(ValuePath { path, filter: Some(filter), sub, notes: parser.notes })
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

struct Parser<'a> {
    text: &'a str,
    /// Bytes read.
    at: usize,
    depth: usize,
    in_brackets: bool,
    notes: Vec<Note>,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str) -> Result<Self, Error> {
        if text.len() > LONGEST {
            return Err(Error::invalid_filter(format!("the filter is longer than {LONGEST} bytes")));
        }
        Ok(Self { text, at: 0, depth: 0, in_brackets: false, notes: Vec::new() })
    }

    fn filter(&mut self) -> Result<Filter, Error> {
        let mut parts = vec![self.conjunction()?];
        while self.keyword("or") {
            parts.push(self.conjunction()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Filter::Or(parts) })
    }

    fn conjunction(&mut self) -> Result<Filter, Error> {
        let mut parts = vec![self.term()?];
        while self.keyword("and") {
            parts.push(self.term()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Filter::And(parts) })
    }

    fn term(&mut self) -> Result<Filter, Error> {
        self.space();
        if self.rest().starts_with('(') {
            return self.group();
        }
        if self.word().eq_ignore_ascii_case("not") {
            // With and without a space after it (erratum 7319).
            self.at += "not".len();
            self.space();
            if !self.rest().starts_with('(') {
                return Err(self.expected("'(' after 'not'"));
            }
            return Ok(Filter::Not(Box::new(self.group()?)));
        }
        let path = self.path()?;
        self.space();
        if !self.rest().starts_with('[') {
            return self.comparison(path);
        }
        if self.in_brackets {
            return Err(self.expected("an operator; there are no brackets inside brackets"));
        }
        let inner = self.brackets()?;
        if !self.rest().starts_with('.') {
            return Ok(Filter::Value(path, Box::new(inner)));
        }
        // Fixture ENT-05: both conditions are on one value.
        self.notes.push(Note { code: Note::SUB_ATTRIBUTE_AFTER_VALUE_FILTER, at: path.to_string() });
        self.at += 1;
        let sub = self.path()?;
        let condition = self.comparison(sub)?;
        let both = match inner {
            Filter::And(mut parts) => {
                parts.push(condition);
                parts
            }
            inner => vec![inner, condition],
        };
        Ok(Filter::Value(path, Box::new(Filter::And(both))))
    }

    fn group(&mut self) -> Result<Filter, Error> {
        self.enter()?;
        let inner = self.filter()?;
        self.leave(')')?;
        Ok(inner)
    }

    fn brackets(&mut self) -> Result<Filter, Error> {
        self.enter()?;
        self.in_brackets = true;
        let inner = self.filter()?;
        self.in_brackets = false;
        self.leave(']')?;
        Ok(inner)
    }

    fn path(&mut self) -> Result<AttributePath, Error> {
        let word = self.word();
        if word.is_empty() {
            return Err(self.expected("an attribute name, 'not' or '('"));
        }
        let path = word.parse().map_err(|problem: String| self.refused(&problem))?;
        self.at += word.len();
        Ok(path)
    }

    fn comparison(&mut self, path: AttributePath) -> Result<Filter, Error> {
        self.space();
        let word = self.word();
        if word.eq_ignore_ascii_case("pr") {
            self.at += word.len();
            return Ok(Filter::Present(path));
        }
        let Some(op) = Op::ALL.into_iter().find(|op| op.as_str().eq_ignore_ascii_case(word)) else {
            return Err(self.expected("an operator (eq, ne, co, sw, ew, gt, ge, lt, le or pr)"));
        };
        self.at += word.len();
        self.space();
        let literal = self.literal()?;
        if let Literal::Bare(_) = literal {
            self.notes.push(Note { code: Note::UNQUOTED_STRING, at: path.to_string() });
        }
        Ok(Filter::Compare(path, op, literal))
    }

    fn literal(&mut self) -> Result<Literal, Error> {
        if self.rest().starts_with('"') {
            return self.string();
        }
        let word = self.word();
        let literal = match word.to_ascii_lowercase().as_str() {
            "" => return Err(self.expected("a value: a string in double quotes, a number, true, false or null")),
            "true" => Literal::Boolean(true),
            "false" => Literal::Boolean(false),
            "null" => Literal::Null,
            _ => match serde_json::from_str(word) {
                Ok(number) => Literal::Number(number),
                Err(_) => Literal::Bare(word.to_owned()),
            },
        };
        self.at += word.len();
        Ok(literal)
    }

    /// A JSON string, with all its escapes.
    fn string(&mut self) -> Result<Literal, Error> {
        let rest = self.rest();
        let mut escaped = false;
        let end = rest.bytes().skip(1).position(|byte| {
            let closes = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            closes
        });
        let Some(end) = end else { return Err(self.refused("the string has no closing '\"'")) };
        let quoted = &rest[..end + 2];
        let text: String = serde_json::from_str(quoted)
            .map_err(|_| self.refused("the string holds a character or an escape that JSON does not allow"))?;
        if text.contains('\0') {
            return Err(self.refused("the string holds U+0000, which no stored text does"));
        }
        self.at += quoted.len();
        if !self.rest().is_empty() && !self.rest().starts_with([' ', '\t', ')', ']']) {
            return Err(self.expected("a blank, ')' or ']' after the string"));
        }
        Ok(Literal::String(text))
    }

    /// Reads that word if it is next.
    fn keyword(&mut self, keyword: &str) -> bool {
        self.space();
        let found = self.word().eq_ignore_ascii_case(keyword);
        if found {
            self.at += keyword.len();
        }
        found
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// What comes next up to a blank, a bracket or a quote; not read yet.
    fn word(&self) -> &'a str {
        let rest = self.rest();
        let end =
            rest.find(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | '[' | ']' | '"')).unwrap_or(rest.len());
        &rest[..end]
    }

    fn space(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    fn enter(&mut self) -> Result<(), Error> {
        if self.depth == DEEPEST {
            return Err(self.refused(&format!("the filter is nested more than {DEEPEST} deep")));
        }
        self.depth += 1;
        self.at += 1;
        Ok(())
    }

    fn leave(&mut self, close: char) -> Result<(), Error> {
        self.space();
        if !self.rest().starts_with(close) {
            return Err(self.expected(&format!("'and', 'or' or '{close}'")));
        }
        self.depth -= 1;
        self.at += 1;
        Ok(())
    }

    fn expected(&self, what: &str) -> Error {
        let found = match (self.word(), self.rest().chars().next()) {
            (_, None) => "the end".to_owned(),
            ("", Some(c)) => format!("'{c}'"),
            (word, _) => format!("'{}'", shortened(word)),
        };
        self.refused(&format!("expected {what}, found {found}"))
    }

    fn refused(&self, problem: &str) -> Error {
        let column = self.text[..self.at].chars().count() + 1;
        Error::invalid_filter(format!("column {column} of the filter: {problem}"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::scim::error::ScimType;

    #[test]
    fn what_is_read_and_how_it_prints() {
        for (text, printed) in [
            (r#"userName eq "bjensen""#, r#"userName eq "bjensen""#),
            (r#"  USERNAME   Eq  "a"  "#, r#"USERNAME eq "a""#),
            ("title PR", "title pr"),
            ("a pr or b pr and c pr", "a pr or b pr and c pr"),
            ("(a pr or b pr) and c pr", "(a pr or b pr) and c pr"),
            ("a pr or (b pr and c pr)", "a pr or b pr and c pr"),
            ("not(title pr)", "not (title pr)"),
            ("NOT ( title pr )", "not (title pr)"),
            ("not (a pr and b pr) or c pr", "not (a pr and b pr) or c pr"),
            (r#"name.familyName co "O'Malley""#, r#"name.familyName co "O'Malley""#),
            (r#"displayName eq "a\"b\\c\u00e9\ud83d\ude00/""#, r#"displayName eq "a\"b\\cé😀/""#),
            ("active eq TRUE and x eq Null", "active eq true and x eq null"),
            ("n gt -1.50e2 and n lt 10", "n gt -150.0 and n lt 10"),
            (r#"meta.lastModified gt "2011-05-13T04:42:34Z""#, r#"meta.lastModified gt "2011-05-13T04:42:34Z""#),
            (r#"emails[ type eq "work" and value co "@x" ]"#, r#"emails[type eq "work" and value co "@x"]"#),
            (r#"emails[type eq "work"].value eq "x""#, r#"emails[type eq "work" and value eq "x"]"#),
            (
                r#"emails[type eq "a" and primary eq true].value pr"#,
                r#"emails[type eq "a" and primary eq true and value pr]"#,
            ),
            (
                r#"emails[type eq "a" or type eq "b"].value eq "x""#,
                r#"emails[(type eq "a" or type eq "b") and value eq "x"]"#,
            ),
            ("externalId eq jyoung", "externalId eq jyoung"),
            ("id eq 4f0c7f86-1f0a and (x eq y)", "id eq 4f0c7f86-1f0a and x eq y"),
            (
                r#"urn:ietf:params:scim:schemas:core:2.0:User:name.familyName eq "J""#,
                r#"urn:ietf:params:scim:schemas:core:2.0:User:name.familyName eq "J""#,
            ),
            (r#"members.$ref eq "x""#, r#"members.$ref eq "x""#),
        ] {
            let filter = Filter::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(filter.to_string(), printed, "{text}");
            assert_eq!(Filter::parse(printed), Ok(filter), "{text}");
        }
    }

    #[test]
    fn precedence() {
        let pr = |name: &str| Filter::Present(AttributePath::new(name));
        assert_eq!(
            Filter::parse("a pr or b pr and c pr"),
            Ok(Filter::Or(vec![pr("a"), Filter::And(vec![pr("b"), pr("c")])]))
        );
        assert_eq!(
            Filter::parse("a pr and not (b pr) and c pr"),
            Ok(Filter::And(vec![pr("a"), Filter::Not(Box::new(pr("b"))), pr("c")]))
        );
    }

    #[test]
    fn what_is_refused_and_where() {
        for (text, column, expected) in [
            ("", 1, "an attribute name"),
            ("userName", 9, "an operator"),
            ("(((", 4, "an attribute name"),
            ("userName eq", 12, "a value"),
            ("userName regex \"x\"", 10, "an operator"),
            ("userName eq \"x", 13, "no closing"),
            ("userName eq \"\\x\"", 13, "an escape"),
            ("userName eq \"a\"b", 16, "a blank"),
            ("not title pr", 5, "'(' after 'not'"),
            ("a pr b pr", 6, "the end of the filter"),
            ("a pr and", 9, "an attribute name"),
            ("a pr)", 5, "the end of the filter"),
            ("(a pr", 6, "')'"),
            ("emails[type eq \"a\"", 19, "']'"),
            ("emails[x[y pr]]", 9, "no brackets inside brackets"),
            ("1a eq 1", 1, "no attribute name"),
            ("a.b.c eq 1", 1, "no attribute name"),
            ("é eq 1 and x", 1, "no attribute name"),
            ("nameé eq \"ü\" x", 1, "no attribute name"),
            ("name eq \"ü\" x", 13, "the end"),
        ] {
            let error = Filter::parse(text).expect_err(text);
            assert_eq!(error.scim_type, Some(ScimType::InvalidFilter), "{text}");
            assert!(error.detail.starts_with(&format!("column {column} ")), "{text}: {error}");
            assert!(error.detail.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn bounds() {
        let nested = |n: usize| format!("{}a pr{}", "(".repeat(n), ")".repeat(n));
        assert!(Filter::parse(&nested(64)).is_ok());
        assert!(Filter::parse(&nested(65)).is_err());
        assert!(Filter::parse(&"(".repeat(100_000)).is_err());
        assert!(Filter::parse(&"not(".repeat(2_000)).is_err());
        assert!(Filter::parse(&format!("a eq \"{}\"", "x".repeat(8 * 1024))).is_err());
    }

    #[test]
    fn leniencies_are_noted() {
        let codes = |text: &str| {
            Filter::parse_with_notes(text).unwrap().1.into_iter().map(|note| note.code).collect::<Vec<_>>()
        };
        assert_eq!(codes("externalId eq jyoung"), ["unquoted_string"]);
        assert_eq!(codes(r#"emails[type eq "work"].value eq "x""#), ["sub_attribute_after_value_filter"]);
        assert_eq!(codes("active eq true"), [""; 0]);
    }

    #[test]
    fn patch_paths() {
        let path = |text: &str| text.parse::<AttributePath>().unwrap();
        let filter = |text: &str| Filter::parse(text).unwrap();
        for (text, expected) in [
            ("name.givenName", ValuePath { path: path("name.givenName"), filter: None, sub: None, notes: vec![] }),
            (
                r#"emails[type eq "work]"].value"#,
                ValuePath {
                    path: path("emails"),
                    filter: Some(filter(r#"type eq "work]""#)),
                    sub: Some("value".into()),
                    notes: vec![],
                },
            ),
            (
                r#"urn:x:y:2.0:User:things[a pr]"#,
                ValuePath {
                    path: path("urn:x:y:2.0:User:things"),
                    filter: Some(filter("a pr")),
                    sub: None,
                    notes: vec![],
                },
            ),
        ] {
            assert_eq!(ValuePath::parse(text), Ok(expected), "{text}");
        }
        for (text, kind) in [
            ("", ScimType::InvalidPath),
            ("emails[0].value", ScimType::InvalidPath),
            ("emails[]", ScimType::InvalidPath),
            ("/emails/0", ScimType::InvalidPath),
            ("emails[type pr]value", ScimType::InvalidPath),
            ("emails[type pr].value.x", ScimType::InvalidPath),
            ("name.x[type pr]", ScimType::InvalidPath),
            ("emails[type]", ScimType::InvalidFilter),
            ("emails[type eq \"x\"", ScimType::InvalidFilter),
        ] {
            assert_eq!(ValuePath::parse(text).expect_err(text).scim_type, Some(kind), "{text}");
        }
    }

    proptest! {
        #[test]
        fn printing_gives_the_filter_back(filter in filter()) {
            let text = filter.to_string();
            prop_assert_eq!(Filter::parse(&text), Ok(filter), "{}", text);
        }

        #[test]
        fn no_text_panics_and_what_parses_prints(text in "[a-c()\\[\\]. \"\\\\é]{0,30}|([a-c]|pr|eq|and|or|not|\\(|\\)|\\[|\\]|\"x\"|1| ){0,20}") {
            if let Ok(filter) = Filter::parse(&text) {
                prop_assert_eq!(Filter::parse(&filter.to_string()), Ok(filter));
            }
            let _ = ValuePath::parse(&text);
        }
    }

    fn filter() -> impl Strategy<Value = Filter> {
        let outside = leaf().prop_recursive(3, 12, 3, combined);
        let inside = leaf().prop_recursive(3, 12, 3, combined);
        let value = (path(), inside).prop_map(|(path, inner)| Filter::Value(path, Box::new(inner)));
        prop_oneof![outside, value].prop_recursive(2, 12, 3, combined)
    }

    fn combined(inner: BoxedStrategy<Filter>) -> impl Strategy<Value = Filter> {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 2..4).prop_map(Filter::And),
            proptest::collection::vec(inner.clone(), 2..4).prop_map(Filter::Or),
            inner.prop_map(|filter| Filter::Not(Box::new(filter))),
        ]
    }

    fn leaf() -> impl Strategy<Value = Filter> {
        let literal = prop_oneof![
            "\\PC{0,10}".prop_map(Literal::String),
            "[a-m]{1,5}-[a-m]{1,5}".prop_map(Literal::Bare),
            any::<i64>().prop_map(|n| Literal::Number(n.into())),
            any::<f64>()
                .prop_filter_map("JSON has no others", |n| serde_json::Number::from_f64(n).map(Literal::Number)),
            any::<bool>().prop_map(Literal::Boolean),
            Just(Literal::Null),
        ];
        prop_oneof![
            path().prop_map(Filter::Present),
            (path(), proptest::sample::select(Op::ALL.to_vec()), literal)
                .prop_map(|(path, op, literal)| Filter::Compare(path, op, literal)),
        ]
    }

    fn path() -> impl Strategy<Value = AttributePath> {
        let urn = proptest::option::of("urn:[a-z]{2,5}(:[a-zA-Z0-9.]{1,6}){1,3}");
        let name = "[a-zA-Z$][a-zA-Z0-9_$-]{0,8}".prop_filter("a keyword", |name| !name.eq_ignore_ascii_case("not"));
        (urn, name, proptest::option::of("[a-zA-Z$][a-zA-Z0-9_$-]{0,8}")).prop_map(|(urn, name, sub)| AttributePath {
            urn,
            name,
            sub,
        })
    }
}
