//! What a line comes to: judged on what is stored, and written only when the judgement stands.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::reconcile::{cells, is_unique};
use crate::scim::document::Document;
use crate::scim::{self};
use crate::store::people::{self, Account};
use crate::store::{identity, resources, values};

use super::super::groups::Stated;
use super::super::people::Asserted;
use super::super::words::user_name_of;
use super::super::work::corrupt;
use super::super::{PasswordWord, Result, Work};
use super::line::{Kind, Line, key_of};
use super::{Judged, Outcome, told};

const EXTERNAL_ID: &str = "externalId";

impl Judged {
    fn new(outcome: Outcome, id: Option<String>) -> Self {
        Self { outcome, id, reason: None }
    }

    fn refused(reason: impl Into<String>) -> Self {
        Self { reason: Some(reason.into()), ..Self::new(Outcome::Refused, None) }
    }

    fn because(self, reason: Option<&str>) -> Self {
        Self { reason: reason.map(str::to_owned), ..self }
    }
}

impl Work<'_> {
    /// Each line by itself: a refusal is that line's and writes nothing of it.
    pub(super) async fn import_lines(
        &mut self,
        lines: &[&Line],
        namespace: Option<&str>,
        dry_run: bool,
    ) -> Result<Vec<Judged>> {
        let mut all = Vec::with_capacity(lines.len());
        for line in lines {
            let judged = match line.kind {
                Kind::User => self.import_person(line, namespace, dry_run).await,
                Kind::Group => self.import_group(line, dry_run).await,
                Kind::Organization => self.import_organization(line, dry_run).await,
            };
            all.push(match judged {
                Ok(judged) => judged,
                Err(error) if error.is_race() => return Err(error),
                Err(error) => Judged::refused(told(&error)?),
            });
        }
        Ok(all)
    }

    /// By userName, or where the import names a connection by the anchor.
    async fn import_person(&mut self, line: &Line, namespace: Option<&str>, dry_run: bool) -> Result<Judged> {
        let anchor = namespace.zip(line.external_id.as_deref());
        let named = values::holder(&mut self.tx, "User", "username", "", &line.key).await?;
        let anchored = match anchor {
            Some((namespace, anchor)) => identity::anchor(&mut self.tx, namespace, anchor).await?,
            None => None,
        };
        let anchored = match (anchored, &named) {
            (Some((_, true)), _) => {
                return Ok(Judged::refused("this externalId was retired: it names nobody any more"));
            }
            (Some((holder, false)), Some(id)) if holder != *id => {
                return Ok(Judged::refused("this externalId names another user than this userName"));
            }
            (found, _) => found.map(|(id, _)| id),
        };
        let is_new_anchor = anchor.is_some() && anchored.is_none();
        let Some(id) = named.clone().or(anchored) else {
            let id = if dry_run { None } else { Some(self.create_imported(line, anchor).await?) };
            return Ok(Judged::new(Outcome::Created, id));
        };
        if !dry_run {
            self.hold_one(&id).await?;
        }
        let mut accounts = people::load(&mut self.tx, &BTreeSet::from([id.clone()])).await?;
        let Some(account) = accounts.pop().filter(|account| !account.person.retired) else {
            return Ok(Judged::refused("the account was deleted meanwhile"));
        };
        let words = new_words(&account, line, &self.registry.unique);
        let kept = if named.is_none() {
            Some("userName is left as it is: an import renames nobody")
        } else if line.active.is_some_and(|active| active != account.active) {
            Some("active is left as it is: an import neither brings anybody back nor switches anybody off")
        } else {
            None
        };
        if words.is_empty() && !is_new_anchor {
            return Ok(Judged::new(Outcome::Unchanged, Some(id)).because(kept));
        }
        if !dry_run {
            for (cell, value) in &words {
                people::set_word(&mut self.tx, &id, "entered", cell, Some(value), self.now).await?;
            }
            if let Some((namespace, anchor)) = anchor.filter(|_| is_new_anchor) {
                self.name_by_anchor(namespace, anchor, &id).await?;
            }
            self.touch(&id).await?;
        }
        Ok(Judged::new(Outcome::Updated, Some(id)).because(kept))
    }

    async fn create_imported(&mut self, line: &Line, anchor: Option<(&str, &str)>) -> Result<String> {
        let asserted = Asserted {
            document: line.document.clone(),
            external_id: line.external_id.clone(),
            active: line.active,
            password: PasswordWord::Kept,
        };
        let id = self.enter_person(asserted).await?;
        if let Some((namespace, anchor)) = anchor {
            self.name_by_anchor(namespace, anchor, &id).await?;
        }
        Ok(id)
    }

    /// By displayName, whoever owns it; the attributes of a group that a push owns are the push's.
    async fn import_group(&mut self, line: &Line, dry_run: bool) -> Result<Judged> {
        let Some(id) = self.importable_group(&line.key).await? else {
            let stated = Stated { document: line.document.clone(), external_id: line.external_id.clone() };
            let id = if dry_run { None } else { Some(self.make_group(None, stated).await?.id) };
            return Ok(Judged::new(Outcome::Created, id));
        };
        let row = if dry_run {
            resources::find(&mut self.tx, "Group", &id).await?
        } else {
            resources::find_for_update(&mut self.tx, "Group", &id).await?
        };
        let Some(mut row) = row.filter(|row| row.retired.is_none()) else {
            return Ok(Judged::refused("the group was deleted meanwhile"));
        };
        if row.owner.is_some() || line.external_id.is_none() {
            return Ok(Judged::new(Outcome::Unchanged, Some(id)));
        }
        let mut document = Document::from_json(&row.document).map_err(|e| corrupt("resource", e))?;
        document.0.shift_remove(crate::scim::resource_type::urn::TEAM);
        let before = Stated { external_id: document.take_external_id(), document };
        if before.external_id == line.external_id {
            return Ok(Judged::new(Outcome::Unchanged, Some(id)));
        }
        if !dry_run {
            let after = Stated { document: before.document.clone(), external_id: line.external_id.clone() };
            self.restate_group(None, &mut row, &before, after).await?;
        }
        Ok(Judged::new(Outcome::Updated, Some(id)))
    }

    /// The one group of this name; of several, the one that nobody owns.
    pub(super) async fn importable_group(&mut self, key: &str) -> Result<Option<String>> {
        let found: BTreeSet<String> =
            values::having(&mut self.tx, "Group", "displayname", key, 10).await?.into_iter().collect();
        let rows = resources::existing(&mut self.tx, &found).await?;
        let unowned: Vec<&resources::Row> = rows.iter().filter(|row| row.owner.is_none()).collect();
        match (rows.as_slice(), unowned.as_slice()) {
            ([], _) => Ok(None),
            ([only], _) => Ok(Some(only.id.clone())),
            (_, [only]) => Ok(Some(only.id.clone())),
            _ => Err(scim::Error::uniqueness("several groups have this displayName").into()),
        }
    }

    async fn import_organization(&mut self, line: &Line, dry_run: bool) -> Result<Judged> {
        let mut stated = line.document.clone();
        if let Some(external_id) = &line.external_id {
            stated.0.insert(EXTERNAL_ID.to_owned(), Value::String(external_id.clone()));
        }
        let Some(id) = resources::organization_by_slug(&mut self.tx, &line.key).await? else {
            let id = if dry_run { None } else { Some(self.make_organization(stated).await?) };
            return Ok(Judged::new(Outcome::Created, id));
        };
        let row = if dry_run {
            resources::find(&mut self.tx, "Organization", &id).await?
        } else {
            Some(self.organization_for_update(&id).await?)
        };
        let Some(row) = row else { return Ok(Judged::refused("the organization was deleted meanwhile")) };
        let before = Document::from_json(&row.document).map_err(|e| corrupt("resource", e))?;
        let mut after = before.clone();
        for (name, value) in stated.0.into_iter().filter(|(name, _)| name != "slug") {
            after.0.insert(name, value);
        }
        if before == after {
            return Ok(Judged::new(Outcome::Unchanged, Some(id)));
        }
        if !dry_run {
            self.restate_organization(row, after).await?;
        }
        Ok(Judged::new(Outcome::Updated, Some(id)))
    }

    /// Somebody who is there already, by userName, or by an externalId that only one has.
    pub(super) async fn importable_person(&mut self, value: &str) -> Result<Option<String>> {
        let key = key_of(Kind::User, value);
        if let Some(id) = values::holder(&mut self.tx, "User", "username", "", &key).await? {
            return Ok(Some(id));
        }
        let found = values::having(&mut self.tx, "User", "externalid", value, 2).await?;
        Ok(if let [only] = found.as_slice() { Some(only.clone()) } else { None })
    }
}

/// The words of the line that are not entered yet. What has one owner is set when the person is made and never by an import
/// again; of somebody who is pushed, `externalId` is the push's.
fn new_words(account: &Account, line: &Line, unique: &BTreeSet<String>) -> BTreeMap<String, Value> {
    let mut words = cells::cells(&line.document);
    if let Some(external_id) = line.external_id.as_ref().filter(|_| account.person.records.is_empty()) {
        words.insert(EXTERNAL_ID.to_owned(), Value::String(external_id.clone()));
    }
    let entered = &account.person.entered;
    words.retain(|cell, value| !is_unique(cell, unique) && entered.get(cell) != Some(&Some(value.clone())));
    debug_assert!(user_name_of(&line.document).is_some(), "a line without a userName is refused when it is read");
    words
}
