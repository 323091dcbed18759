//! What group claims are found by. A claim keeps what was said; by which keys a new group finds it depends on the steps that
//! the connection's rule takes with a value, so new steps are new keys.

use std::collections::BTreeSet;

use crate::store::identity;

use super::work::corrupt;
use super::{Connected, Result, Work, world};

impl Work<'_> {
    /// Writes the keys of these people's claims on the connection again. Whoever calls this holds their locks.
    pub(super) async fn rekey_claims(&mut self, connected: &Connected, people: &BTreeSet<String>) -> Result<()> {
        let mut links = BTreeSet::new();
        let mut keys = Vec::new();
        for (subject, resource, value) in identity::group_claims(&mut self.tx, &connected.id, people).await? {
            let said: BTreeSet<String> = serde_json::from_str(&value).map_err(|e| corrupt("claim", e))?;
            let of_claim = world::claim_keys(&connected.rules, &said);
            keys.extend(of_claim.into_iter().map(|key| (subject.clone(), key, resource.clone())));
            links.insert(subject);
        }
        if links.is_empty() {
            return Ok(());
        }
        Ok(identity::replace_keys(&mut self.tx, &connected.id, &links, &keys).await?)
    }
}
