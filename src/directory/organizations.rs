//! Organizations: an administrator's, named by an immutable slug.

use serde_json::Value;

use crate::event::Kind;
use crate::scim::document::Document;
use crate::scim::key::{self, Key};
use crate::scim::{self};
use crate::store::{resources, values, vouches};

use super::settle::effective_entries;
use super::words::check_external_id;
use super::{Result, Work};

impl Work<'_> {
    pub(crate) async fn make_organization(&mut self, mut document: Document) -> Result<String> {
        let slug = document.0.get("slug").and_then(Value::as_str).unwrap_or_default().to_owned();
        check_slug(&slug)?;
        if resources::organization_by_slug(&mut self.tx, &key::fold(&slug)).await?.is_some() {
            return Err(scim::Error::uniqueness("another organization already has this slug").into());
        }
        let external_id = document.take_external_id();
        check_external_id(external_id.as_deref())?;
        let id = self.new_id();
        let row = resources::Row::new(id.clone(), "Organization", self.now);
        resources::insert(&mut self.tx, &row).await?;
        self.store_organization(row, document, external_id, false).await?;
        let event = self.event(Kind::OrganizationCreated).of(&id);
        self.publish(event);
        Ok(id)
    }

    /// PUT, PATCH: the slug is for ever.
    pub(crate) async fn restate_organization(&mut self, row: resources::Row, mut after: Document) -> Result<bool> {
        let before = Document::from_json(&row.document).map_err(|e| super::work::corrupt("resource", e))?;
        let external_id = after.take_external_id();
        check_external_id(external_id.as_deref())?;
        let mut stored = after.clone();
        if let Some(external_id) = &external_id {
            stored.0.insert("externalId".to_owned(), Value::String(external_id.clone()));
        }
        if before.0.get("slug") != after.0.get("slug") {
            return Err(
                scim::Error::mutability("slug is immutable: it may be sent as it is, or left out of a PATCH").into()
            );
        }
        if before == stored {
            return Ok(false);
        }
        let id = row.id.clone();
        self.store_organization(row, after, external_id, true).await?;
        let event = self.event(Kind::OrganizationUpdated).of(&id);
        self.publish(event);
        Ok(true)
    }

    async fn store_organization(
        &mut self,
        mut row: resources::Row,
        mut document: Document,
        external_id: Option<String>,
        changed: bool,
    ) -> Result<()> {
        if let Some(external_id) = &external_id {
            document.0.insert("externalId".to_owned(), Value::String(external_id.clone()));
        }
        let text = |name: &str| document.0.get(name).and_then(Value::as_str).map(str::to_owned);
        row.display = text("displayName").or_else(|| text("slug"));
        row.document = document.to_json();
        if changed {
            row.version += 1;
            row.modified = self.now;
        }
        resources::update(&mut self.tx, &row).await?;
        let kind = &self.kind("Organization")?;
        let entries = effective_entries(kind, &document, external_id.as_deref(), row.display.as_deref());
        self.check_unique(kind, &row.id, &entries).await?;
        Ok(values::replace(&mut self.tx, &row.id, "Organization", "", &entries, Some("")).await?)
    }

    pub(crate) async fn organization_for_update(&mut self, id: &str) -> Result<resources::Row> {
        resources::find_for_update(&mut self.tx, "Organization", id)
            .await?
            .filter(|row| row.retired.is_none())
            .ok_or_else(|| scim::Error::not_found("no organization with this id").into())
    }

    /// An organization with teams stays: what its teams' members were would go without a word.
    pub(crate) async fn end_organization(&mut self, mut row: resources::Row) -> Result<()> {
        let teams = resources::teams(&mut self.tx, &row.id).await?.len();
        if teams > 0 {
            return Err(scim::Error::new(
                409,
                None,
                format!("this organization still has {teams} teams: delete these groups first"),
            )
            .into());
        }
        let serving = self.configuration.connections.iter().find(|connected| connected.serves(&row.id));
        if let Some(connected) = serving {
            return Err(scim::Error::new(
                409,
                None,
                format!(
                    "connection {} still serves this organization: take it out of its settings first",
                    connected.name
                ),
            )
            .into());
        }
        let affected = vouches::people_of(&mut self.tx, &row.id).await?;
        self.hold(&affected).await?;
        vouches::remove_all_but_denies_of(&mut self.tx, &row.id).await?;
        self.forget_held_in(&row.id).await?;
        values::remove_all(&mut self.tx, &row.id).await?;
        row.retired = Some(self.now);
        row.version += 1;
        row.modified = self.now;
        resources::update(&mut self.tx, &row).await?;
        let event = self.event(Kind::OrganizationDeleted).of(&row.id);
        self.publish(event);
        self.touch_all(&affected).await
    }

    /// The organization with this id or slug.
    pub(crate) async fn organization_named(&mut self, name: &str) -> Result<Option<String>> {
        if let Some(row) = resources::find(&mut self.tx, "Organization", name).await? {
            return Ok(Some(row.id));
        }
        Ok(resources::organization_by_slug(&mut self.tx, &key::fold(name)).await?)
    }

    /// The group with this id, or a team or group of this name that an administrator may mean.
    pub(crate) async fn group_named(&mut self, name: &str, organization: Option<&str>) -> Result<Option<String>> {
        if let Some(row) = resources::find(&mut self.tx, "Group", name).await? {
            return Ok(Some(row.id));
        }
        let found = values::having(&mut self.tx, "Group", "displayname", &Key::text(false, name).0, 3).await?;
        if let [only] = found.as_slice() {
            return Ok(Some(only.clone()));
        }
        let Some(organization) = organization else { return Ok(None) };
        let folded = key::fold(name);
        let teams = resources::teams(&mut self.tx, organization).await?;
        Ok(teams
            .into_iter()
            .find(|team| {
                let display = team.display.as_deref().unwrap_or_default();
                display.split_once(':').is_some_and(|(_, own)| key::fold(own.trim()) == folded)
            })
            .map(|team| team.id))
    }
}

fn check_slug(slug: &str) -> Result<()> {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_' || c == '.';
    if slug.is_empty() || slug.len() > 64 || !slug.chars().all(|c| good(c.to_ascii_lowercase())) {
        return Err(scim::Error::invalid_value(
            "slug is 1 to 64 letters, digits, '-', '_' or '.'; a colon would split a team's name",
        )
        .into());
    }
    Ok(())
}
