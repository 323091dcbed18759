//! Resources of a tenant's own types: plain documents of one owner, which every reader sees alike. And what is asked of
//! every document for the tenant's own unique attributes.

use serde_json::Value;

use crate::event::Kind;
use crate::jit::rules::Rules;
use crate::scim::document::Document;
use crate::scim::key::{self, Entry};
use crate::scim::path::{AttributePath, Resolved, resolve};
use crate::scim::resource_type::ResourceType;
use crate::scim::schema::Type;
use crate::scim::{self};
use crate::store::{resources, values};

use super::settle::{display_name, effective_entries};
use super::words::check_external_id;
use super::work::corrupt;
use super::{Connected, Result, Work};

impl Work<'_> {
    /// Push tokens write resources of a type only if it says so.
    pub(crate) fn may_write_own(&self, speaker: Option<&Connected>, kind: &ResourceType) -> Result<()> {
        if speaker.is_some() && !kind.pushed {
            return Err(scim::Error::forbidden(format!(
                "resources of type {} are written by an administrator's token (its definition has \"pushed\": false)",
                kind.name
            ))
            .into());
        }
        Ok(())
    }

    pub(crate) async fn make_own(&mut self, kind: &ResourceType, document: Document) -> Result<String> {
        let id = self.new_id();
        let row = resources::Row::new(id.clone(), &kind.name, self.now);
        check_external_id(external_id(&document))?;
        resources::insert(&mut self.tx, &row).await?;
        self.store_own(kind, row, &document).await?;
        let event = self.event(Kind::ResourceCreated).of(&id).naming([&kind.name]);
        self.publish(event);
        Ok(id)
    }

    /// The stored row, locked, and its document.
    pub(crate) async fn own_for_update(&mut self, kind: &ResourceType, id: &str) -> Result<(resources::Row, Document)> {
        let row = resources::find_for_update(&mut self.tx, &kind.name, id).await?.filter(|row| row.retired.is_none());
        let missing = || scim::Error::not_found(format!("no {} with this id", kind.name.to_lowercase()));
        let row = row.ok_or_else(missing)?;
        let document = Document::from_json(&row.document).map_err(|e| corrupt("resource", format!("{id}: {e}")))?;
        Ok((row, document))
    }

    /// PUT, PATCH: what is equal writes nothing.
    pub(crate) async fn restate_own(
        &mut self,
        kind: &ResourceType,
        mut row: resources::Row,
        before: &Document,
        mut after: Document,
        keeps_external_id: bool,
    ) -> Result<()> {
        if keeps_external_id && let Some(kept) = before.0.get("externalId") {
            after.0.insert("externalId".to_owned(), kept.clone());
        }
        check_external_id(external_id(&after))?;
        if *before == after {
            return Ok(());
        }
        row.version += 1;
        row.modified = self.now;
        let event = self.event(Kind::ResourceUpdated).of(&row.id).naming([&kind.name]);
        self.store_own(kind, row, &after).await?;
        self.publish(event);
        Ok(())
    }

    pub(crate) async fn store_own(
        &mut self,
        kind: &ResourceType,
        mut row: resources::Row,
        document: &Document,
    ) -> Result<()> {
        row.display = display_name(document);
        row.document = document.to_json();
        resources::update(&mut self.tx, &row).await?;
        self.index_own(kind, &row.id, document, row.display.as_deref()).await
    }

    pub(crate) async fn index_own(
        &mut self,
        kind: &ResourceType,
        id: &str,
        document: &Document,
        display: Option<&str>,
    ) -> Result<()> {
        let entries = effective_entries(kind, document, external_id(document), display);
        self.check_unique(kind, id, &entries).await?;
        Ok(values::replace(&mut self.tx, id, &kind.name, "", &entries, Some("")).await?)
    }

    /// DELETE: nothing of it is left but that its id was used.
    pub(crate) async fn end_own(&mut self, kind: &ResourceType, mut row: resources::Row) -> Result<()> {
        values::remove_all(&mut self.tx, &row.id).await?;
        row.retired = Some(self.now);
        row.version += 1;
        row.modified = self.now;
        row.display = None;
        row.document = "{}".to_owned();
        resources::update(&mut self.tx, &row).await?;
        let event = self.event(Kind::ResourceDeleted).of(&row.id).naming([&kind.name]);
        self.publish(event);
        Ok(())
    }

    /// Nobody else holds what the tenant's definitions say is unique. Two that write it at the same time are told apart by
    /// the index, and the one that starts again finds the other here.
    pub(crate) async fn check_unique(&mut self, kind: &ResourceType, id: &str, entries: &[Entry]) -> Result<()> {
        match self.holder_of_unique(kind, id, entries).await? {
            Some((attr, holder)) => {
                let detail = format!("another {} already has this value of {}", kind.name, spelt(kind, &attr));
                let named = if self.is_administrators { format!(": {holder}, and so has {id}") } else { String::new() };
                Err(scim::Error::uniqueness(detail + &named).into())
            }
            None => Ok(()),
        }
    }

    /// The first of the values that the tenant's definitions say are unique which somebody else holds: (index path, holder).
    pub(crate) async fn holder_of_unique(
        &mut self,
        kind: &ResourceType,
        id: &str,
        entries: &[Entry],
    ) -> Result<Option<(String, String)>> {
        let own: Vec<String> = kind
            .extensions
            .iter()
            .chain(kind.next.iter().flat_map(|next| &next.extensions))
            .filter(|extension| extension.own)
            .map(|extension| format!("{}:", extension.schema.id.to_ascii_lowercase()))
            .collect();
        let is_own = |entry: &&Entry| kind.own || own.iter().any(|prefix| entry.attr.starts_with(prefix));
        let wanted: Vec<(&str, &str)> = entries
            .iter()
            .filter(|entry| entry.unique)
            .filter(is_own)
            .map(|entry| (entry.attr.as_str(), entry.key.as_str()))
            .collect();
        if wanted.is_empty() {
            return Ok(None);
        }
        Ok(values::taken(&mut self.tx, &kind.name, id, &wanted).await?)
    }
}

impl Work<'_> {
    /// Claims are texts: of the tenant's own attributes they can be mapped to strings, in the schema's spelling.
    pub(crate) fn resolve_attributes(&self, rules: &mut Rules) -> Result<()> {
        let kind = self.kind("User")?;
        for rule in rules.attributes.iter_mut().filter(|rule| rule.to.contains(':')) {
            let path = rule.to.parse::<AttributePath>().map_err(scim::Error::invalid_value)?;
            let unfit = || {
                scim::Error::invalid_value(format!(
                    "attributes: {} is no string attribute of users: put its schema first, or map to another",
                    rule.to
                ))
            };
            let (found, sub) = match resolve(&kind, &path) {
                Some(Resolved::Attribute(found)) => (found, None),
                Some(Resolved::Part(found, sub)) => (found, Some(sub)),
                _ => return Err(unfit().into()),
            };
            let Some(extension) = found.extension.and_then(|schema| kind.extension(&schema.id)).filter(|it| it.own)
            else {
                continue;
            };
            if sub.unwrap_or(found.attribute).kind != Type::String || found.attribute.multi_valued {
                return Err(unfit().into());
            }
            rule.to = format!("{}:{}", extension.schema.id, found.attribute.name);
            if let Some(sub) = sub {
                rule.to = format!("{}.{}", rule.to, sub.name);
            }
        }
        Ok(())
    }
}

fn external_id(document: &Document) -> Option<&str> {
    document.0.get("externalId").and_then(Value::as_str)
}

/// The attribute of that index path as its schema spells it.
fn spelt(kind: &ResourceType, attr: &str) -> String {
    let kinds = std::iter::once(kind).chain(kind.next.as_deref());
    let schemas = kinds.flat_map(|kind| {
        let extensions = kind.extensions.iter().map(|extension| (Some(extension.schema.as_ref()), &extension.schema));
        std::iter::once((None, &kind.schema)).chain(extensions)
    });
    for (extension, schema) in schemas {
        for attribute in &schema.attributes {
            if key::path(extension, attribute, None) == attr {
                return attribute.name.clone();
            }
            if let Some(sub) =
                attribute.sub_attributes.iter().find(|s| key::path(extension, attribute, Some(s)) == attr)
            {
                return format!("{}.{}", attribute.name, sub.name);
            }
        }
    }
    attr.to_owned()
}
