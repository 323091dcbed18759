//! `/Me` (RFC 7644 §3.11): what a token that is bound to a person reads and writes of that person.
//!
//! A person's own words are entered words, the weakest there are: a push, a sign-in and an administrator's lock stand above
//! them (docs/reconciliation.md). They may be about what describes a person and gives them nothing. What names an account
//! (`userName`, `emails`, `externalId`) decides who signs in as it, and what ranks it (`roles`, `entitlements`, `userType`,
//! the attributes of extensions) decides elsewhere what it may do.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use crate::auth::token::{Kind as TokenKind, Scope, Token};
use crate::event::Cause;
use crate::reconcile::cells;
use crate::scim::document::{Document, Note};
use crate::scim::message::Operation;
use crate::scim::resource_type::ResourceType;
use crate::scim::{self};
use crate::store::{resources, tokens};

use super::change::Change;
use super::people::{Asserted, gone};
use super::{Caller, Directory, Precondition, Resource, Result, TokenInfo, Voice, Wants, Work, transact};

/// What a person may change of themselves.
const OWN: [&str; 10] = [
    "name",
    "displayName",
    "nickName",
    "profileUrl",
    "preferredLanguage",
    "locale",
    "timezone",
    "photos",
    "ims",
    "addresses",
];

impl Caller {
    /// Whom the token is bound to.
    fn person(&self) -> Result<&str> {
        match &self.voice {
            Voice::Person { id } => Ok(id),
            _ => Err(scim::Error::not_found(
                "this token is bound to nobody; one of the scope me, made for a user, reads that user here",
            )
            .into()),
        }
    }
}

impl Directory {
    /// GET /Me.
    pub async fn own(&self, caller: &Caller, kind: &Arc<ResourceType>, wants: Wants) -> Result<Resource> {
        self.find(caller, kind, caller.person()?, wants).await
    }

    /// PUT /Me.
    pub async fn replace_own(
        &self,
        caller: &Caller,
        kind: &Arc<ResourceType>,
        precondition: &Precondition,
        body: &Value,
        wants: Wants,
    ) -> Result<(Resource, Vec<Note>)> {
        self.change_own(caller, kind, precondition, &Change::Replace(body), wants).await
    }

    /// PATCH /Me.
    pub async fn patch_own(
        &self,
        caller: &Caller,
        kind: &Arc<ResourceType>,
        precondition: &Precondition,
        operations: &[Operation],
        wants: Wants,
    ) -> Result<(Resource, Vec<Note>)> {
        self.change_own(caller, kind, precondition, &Change::Patch(operations), wants).await
    }

    async fn change_own(
        &self,
        caller: &Caller,
        kind: &Arc<ResourceType>,
        precondition: &Precondition,
        change: &Change<'_>,
        wants: Wants,
    ) -> Result<(Resource, Vec<Note>)> {
        let id = caller.person()?;
        let outcome = transact!(self, &caller.tenant, Cause::by(caller.source()), work => {
            work.change_own(caller, id, precondition, change).await
        });
        let notes = outcome?;
        Ok((self.find(caller, kind, id, wants).await?, notes))
    }

    /// A token of any scope. `user` is the id of whom a token of the scope `me` is bound to; no other scope has one.
    pub async fn issue_token(
        &self,
        tenant: &str,
        scope: Scope,
        connections: &[String],
        user: Option<&str>,
        label: Option<&str>,
        expires: Option<i64>,
    ) -> Result<(TokenInfo, String)> {
        match (scope, user) {
            (Scope::Me, Some(_)) if !connections.is_empty() => {
                Err(scim::Error::invalid_value("a me token speaks for a user and for no connection").into())
            }
            (Scope::Me, Some(user)) => self.create_own_token(tenant, user, label, expires).await,
            (_, Some(_)) => Err(scim::Error::invalid_value("user belongs to the scope me alone").into()),
            (_, None) => self.create_token(tenant, scope, connections, label, expires).await,
        }
    }

    async fn create_own_token(
        &self,
        tenant: &str,
        user: &str,
        label: Option<&str>,
        expires: Option<i64>,
    ) -> Result<(TokenInfo, String)> {
        let now = self.clock.now();
        if expires.is_some_and(|at| at <= now) {
            return Err(scim::Error::invalid_value("expires lies in the past").into());
        }
        let mut tx = self.engine.write(tenant).await?;
        // Locked, so that nobody ends the account past a token that is not there yet.
        let row = resources::find_for_update(&mut tx, "User", user).await?;
        if !row.is_some_and(|row| row.retired.is_none() && row.active) {
            return Err(
                scim::Error::invalid_value("user is the id of an active user, and there is none with this id").into()
            );
        }
        let secret = Token::generate(TokenKind::Api(Scope::Me), &self.ids);
        let token = tokens::Token {
            tenant: tenant.to_owned(),
            id: self.ids.new(),
            scope: Scope::Me.as_str().to_owned(),
            connections: "[]".to_owned(),
            person: Some(user.to_owned()),
            label: label.map(str::to_owned),
            created: now,
            expires,
            revoked: None,
        };
        tokens::insert(&mut tx, &token, &secret.hash()).await?;
        tx.commit().await?;
        Ok((TokenInfo::of(token)?, secret.reveal().to_owned()))
    }
}

impl Work<'_> {
    async fn change_own(
        &mut self,
        caller: &Caller,
        id: &str,
        precondition: &Precondition,
        change: &Change<'_>,
    ) -> Result<Vec<Note>> {
        let kind = self.kind("User")?;
        let account = self.account(id).await?.filter(|account| !account.person.retired && account.active);
        let Some(account) = account else { return Err(gone()) };
        precondition.check(account.version)?;
        let before = self.effective(&account);
        let reading = self.reading(caller, None, &kind, id, change).await?;
        let read = change.apply(&kind, &reading, &before)?;
        let mut asserted = Asserted::of(own_words(&before, &read.document, change.is_put())?)?;
        // It is as it was, or it would have been refused.
        asserted.active = None;
        self.enter(&account, asserted, change.is_put()).await?;
        Ok(read.notes)
    }

    /// Whoever is deactivated or gone has no tokens any more, also not when they come back.
    pub(super) async fn end_tokens(&mut self, person: &str) -> Result<()> {
        Ok(tokens::revoke_of(&mut self.tx, person, self.now).await?)
    }
}

/// The document as the person would have it. What is not theirs stays when a PUT leaves it out, and is refused when it is
/// to be something else.
fn own_words(before: &Document, after: &Document, is_put: bool) -> Result<Document> {
    let (was, mut is) = (cells::cells(before), cells::cells(after));
    // Accepted and dropped, as everywhere: this server holds none. And `active` that is left out is no word.
    is.remove("password");
    let names: BTreeSet<String> = was.keys().chain(is.keys()).cloned().collect();
    for cell in names {
        if was.get(&cell) == is.get(&cell) || is_own(&cell) {
            continue;
        }
        match was.get(&cell) {
            Some(value) if !is.contains_key(&cell) && (is_put || cell == "active") => {
                is.insert(cell, value.clone());
            }
            _ => {
                return Err(scim::Error::mutability(format!(
                    "{cell} is not for the user to change; these are: {}",
                    OWN.join(", ")
                ))
                .into());
            }
        }
    }
    Ok(cells::document(&is))
}

fn is_own(cell: &str) -> bool {
    let attribute = cell.split('.').next().unwrap_or_default();
    OWN.contains(&attribute)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn document(value: Value) -> Document {
        Document(value.as_object().expect("an object").clone())
    }

    #[test]
    fn what_a_person_may_change() {
        let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
        let before = document(json!({"userName": "ana", "title": "CTO", "active": true, "nickName": "a",
            "name": {"givenName": "Ana"}, "emails": [{"value": "a@x"}], enterprise: {"department": "IT"}}));
        let same = before.clone();
        let with = |name: &str, value: Value| {
            let mut changed = before.clone();
            changed.0.insert(name.to_owned(), value);
            changed
        };
        let without = |name: &str| {
            let mut changed = before.clone();
            changed.0.shift_remove(name);
            changed
        };
        let kept = |after: &Document, is_put| own_words(&before, after, is_put).map(|own| cells::cells(&own)).ok();
        let as_is = |document: &Document| Some(cells::cells(document));
        for is_put in [true, false] {
            assert_eq!(kept(&same, is_put), as_is(&before));
            for after in [
                with("nickName", json!("b")),
                with("name", json!({"familyName": "Alvarez"})),
                with("photos", json!([{"value": "https://x/1"}])),
                without("nickName"),
            ] {
                assert_eq!(kept(&after, is_put), as_is(&after));
            }
            assert_eq!(kept(&with("password", json!("secret")), is_put), as_is(&before));
            for (name, value) in [
                ("userName", json!("root")),
                ("active", json!(false)),
                ("externalId", json!("1")),
                ("emails", json!([{"value": "b@x"}])),
                ("roles", json!([{"value": "admin"}])),
                ("title", json!("CEO")),
                (enterprise, json!({"department": "Board"})),
            ] {
                assert_eq!(kept(&with(name, value), is_put), None, "{name}");
            }
        }
        // A PUT that leaves out what is not theirs has no word on it; a PATCH that removes it has.
        for name in ["title", "emails", enterprise] {
            assert_eq!(kept(&without(name), true), as_is(&before), "{name}");
            assert_eq!(kept(&without(name), false), None, "{name}");
        }
        assert_eq!(kept(&without("active"), true), as_is(&before));
    }
}
