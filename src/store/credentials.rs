//! Hashes of the passwords that clients set: outside of every document, so that nothing that prints one can show them.

use super::engine::run;
use super::{Error, Tx};

/// The word of that source; it had another, or none.
pub async fn put(tx: &mut Tx, resource: &str, source: &str, hash: &str, at: i64) -> Result<(), Error> {
    run!(
        tx,
        "insert into credential (tenant, resource, source, hash, modified) values ($1, $2, $3, $4, $5)
         on conflict (tenant, resource, source) do update set hash = excluded.hash, modified = excluded.modified",
        &tx.tenant,
        resource,
        source,
        hash,
        at
    )?;
    Ok(())
}

pub async fn remove(tx: &mut Tx, resource: &str, source: &str) -> Result<(), Error> {
    run!(
        tx,
        "delete from credential where tenant = $1 and resource = $2 and source = $3",
        &tx.tenant,
        resource,
        source
    )?;
    Ok(())
}

/// They go with the person.
pub async fn remove_all(tx: &mut Tx, resource: &str) -> Result<(), Error> {
    run!(tx, "delete from credential where tenant = $1 and resource = $2", &tx.tenant, resource)?;
    Ok(())
}
