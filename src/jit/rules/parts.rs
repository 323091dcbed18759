//! The parts of a connection's settings, each a type that reads only what it can mean.

use std::fmt;
use std::str::FromStr;

use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};
use serde_with::{DeserializeFromStr, OneOrMany, SerializeDisplay, formats::PreferOne, serde_as};

use super::{Table, Transform};
use crate::jit::span::Span;

/// How people sign in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Protocol {
    #[default]
    Oidc,
}

/// What the subject is: a name that never moves from one person to another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Subject {
    #[default]
    Stable,
}

/// OpenID Connect Core §3.1.3.7 step 11: the application's own nonce, so that a stolen token is of no use to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Nonce {
    pub required: bool,
}

impl Default for Nonce {
    fn default() -> Self {
        Self { required: true }
    }
}

/// The claim that equals what this identity provider pushes as `externalId` (Entra: `oid`), and the directory it is a
/// name in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Anchor {
    /// Absent: the subject.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claim: Option<String>,
    /// Absent: one of the connection's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

/// The claims that may join a first sign-in to a person who is already there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Join {
    pub enabled: bool,
    pub claims: Vec<String>,
    pub accounts: Accounts,
}

/// Whom an address in a verified domain may join, besides those whom this connection pushes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Accounts {
    /// People whom nobody claims yet.
    #[default]
    Unclaimed,
    /// Whoever has the address, also people whom another connection pushes or signs in.
    Any,
}

impl Default for Join {
    /// A generic provider lets people choose their `preferred_username`, so only a verified address joins.
    fn default() -> Self {
        Self { enabled: true, claims: vec!["email".to_owned()], accounts: Accounts::Unclaimed }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Jit {
    /// The switch: off, a stranger is refused and claims change no membership.
    pub enabled: bool,
    /// Whether a stranger becomes an account; off, only whoever is found may enter.
    pub create: bool,
    pub invitations: Invitations,
    pub account_step: AccountStep,
}

impl Default for Jit {
    fn default() -> Self {
        Self { enabled: true, create: true, invitations: Invitations::Accept, account_step: AccountStep::Admitted }
    }
}

/// Whose account a sign-in makes and renames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum AccountStep {
    /// Of whoever is let in: a refusal writes nothing.
    #[default]
    Admitted,
    /// Also of whoever has an address in a verified domain and is then refused because JIT is off.
    Always,
}

/// What follows a handle that is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Handle {
    /// A suffix that is the same every time.
    #[default]
    Suffix,
    /// Random digits, as Docker has them.
    Digits,
}

/// Whether signing in accepts the invitations that wait for that person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Invitations {
    #[default]
    Accept,
    Ignore,
}

/// Where whoever is pushed or signed in here belongs at least. Ids or slugs; a team may be named without its
/// organization's prefix.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Defaults {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    pub mode: Mode,
}

/// When the default team counts: while the person is in no other team there, always, or from the first sign-in that finds
/// the person in no other team and then for good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Mode {
    #[default]
    Fallback,
    Always,
    /// What came first then matters: a team that is named later does not take the default away.
    Sticky,
}

/// How much the connection may end within an hour (by pushes, sign-ins, new settings) before the effect is held: memberships
/// and deactivations are counted apart, each up to the greater of a number and a share of what stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Hold {
    pub enabled: bool,
    pub count: i64,
    pub percent: i64,
    /// What is held takes effect by itself after this.
    pub release: Span,
}

impl Hold {
    /// The budget where so much stands.
    pub fn of(&self, standing: i64) -> i64 {
        self.count.max(standing.saturating_mul(self.percent) / 100)
    }
}

impl Default for Hold {
    /// No ordinary hour ends a hundred memberships and a fifth of them.
    fn default() -> Self {
        Self { enabled: true, count: 100, percent: 20, release: Span::days(1) }
    }
}

/// How what this connection pushes is read, where the RFCs and what clients send differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Push {
    pub profile: Profile,
    pub empty_text: EmptyText,
}

/// Whether the leniencies that clients are known to need are granted, or answered with the error the RFCs have for them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Profile {
    #[default]
    Lenient,
    Strict,
}

/// What `""` means: a value like any other (RFC 7643 §2.5; Okta), or that there is none (Entra).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum EmptyText {
    #[default]
    Keep,
    Clear,
}

/// What the groups claim means.
#[serde_as]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Groups {
    /// Each a name, a path of dots or a JSON pointer; the first that states a list counts.
    #[serde_as(as = "OneOrMany<_, PreferOne>")]
    pub claim: Vec<String>,
    #[serde(rename = "match")]
    pub by: Match,
    pub scope: Scope,
    pub create: Create,
    /// How many groups one sign-in may create.
    pub create_cap: u16,
    pub on_absent: OnAbsent,
    pub on_overage: OnOverage,
    /// A claim counts until a sign-in this much later brings no usable list.
    pub claim_max_age: Span,
    /// A claim counts this long by the clock, whether anybody signs in or not. Absent: no clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lease: Option<Span>,
    /// What is done to a value before it is looked up.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub transform: Vec<Transform>,
    #[serde(skip_serializing_if = "Table::is_empty")]
    pub table: Table,
}

impl Default for Groups {
    fn default() -> Self {
        Self {
            claim: vec!["groups".to_owned()],
            by: Match::Auto,
            scope: Scope::default(),
            create: Create::Never,
            create_cap: 20,
            on_absent: OnAbsent::Keep,
            on_overage: OnOverage::Keep,
            claim_max_age: Span::days(30),
            lease: None,
            transform: Vec::new(),
            table: Table::new(),
        }
    }
}

/// What a group value is compared with, always among this connection's own groups.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Match {
    ExternalId,
    DisplayName,
    /// By `externalId` if the value is shaped like an id, else by name.
    #[default]
    Auto,
}

/// The groups, by name, that claims may touch; without a pattern, all of the connection's.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Scope {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pattern: Option<Pattern>,
}

/// Whether a claim may create a team: never, or where the scope's pattern says so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Create {
    #[default]
    Never,
    Pattern,
}

/// What a sign-in without the claim says: nothing, or that the person is in no group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OnAbsent {
    #[default]
    Keep,
    Empty,
}

/// What a list that was cut off says: nothing. It is never taken for empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OnOverage {
    #[default]
    Keep,
}

/// One attribute of the person and the claims it may come from, the first that has a value.
#[serde_as]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AttributeRule {
    /// As SCIM spells it: `title`, `name.givenName`, `emails`, `urn:…:User:department`.
    pub to: String,
    #[serde_as(as = "OneOrMany<_, PreferOne>")]
    pub from: Vec<String>,
    /// What is done to the text, in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub transform: Vec<Transform>,
    #[serde(default)]
    pub on_empty: OnEmpty,
}

impl AttributeRule {
    fn new(to: &str, from: &str) -> Self {
        Self { to: to.to_owned(), from: vec![from.to_owned()], transform: Vec::new(), on_empty: OnEmpty::Ignore }
    }

    /// The standard claims of OpenID Connect Core §5.1 that every provider sends.
    pub fn ordinary() -> Vec<Self> {
        [
            ("name.givenName", "given_name"),
            ("name.familyName", "family_name"),
            ("displayName", "name"),
            ("emails", "email"),
        ]
        .map(|(to, from)| Self::new(to, from))
        .into()
    }
}

/// What a claim says that is there and empty: nothing, or that there is no value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OnEmpty {
    #[default]
    Ignore,
    Clear,
}

/// A regular expression over group names, in linear time and bounded in size.
#[derive(Clone, Debug, SerializeDisplay, DeserializeFromStr)]
pub struct Pattern(Regex);

impl Pattern {
    pub fn matches(&self, text: &str) -> bool {
        self.0.is_match(text)
    }

    /// What the first group catches; without one, all that the pattern matches.
    pub fn capture<'t>(&self, text: &'t str) -> Option<&'t str> {
        let found = self.0.captures(text)?;
        found.get(usize::from(self.0.captures_len() > 1)).map(|caught| caught.as_str())
    }
}

impl FromStr for Pattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() || text.len() > 512 {
            return Err("a pattern has 1 to 512 bytes".to_owned());
        }
        RegexBuilder::new(text)
            .size_limit(256 * 1024)
            .dfa_size_limit(256 * 1024)
            .nest_limit(16)
            .build()
            .map(Self)
            .map_err(|e| format!("{text:?} is not a usable regular expression: {}", reason(&e)))
    }
}

/// The last line of the parser's drawing is what it objects to.
fn reason(error: &regex::Error) -> String {
    match error {
        regex::Error::CompiledTooBig(_) => "it compiles to more than 256 KiB".to_owned(),
        other => other.to_string().lines().last().unwrap_or("syntax").trim_start_matches("error: ").to_owned(),
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}
