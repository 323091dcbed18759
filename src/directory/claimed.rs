//! What group claims are found by. A claim keeps what was said; by which keys a new group finds it depends on the steps that
//! the connection's rule takes with a value, so new steps are new keys.

use std::collections::BTreeSet;

use crate::store::identity;

use super::work::corrupt;
use super::{Connected, Result, Work, world};

impl Work<'_> {
    /// Writes the keys of every claim of the connection again.
    pub(crate) async fn rekey_claims(&mut self, connected: &Connected) -> Result<()> {
        for (subject, resource, value) in identity::group_claims(&mut self.tx, &connected.id).await? {
            let said: BTreeSet<String> = serde_json::from_str(&value).map_err(|e| corrupt("claim", e))?;
            let keys = world::claim_keys(&connected.rules, &said);
            identity::put_keys(&mut self.tx, &connected.id, &subject, &resource, &keys).await?;
        }
        Ok(())
    }
}
