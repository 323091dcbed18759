//! A cut at a chosen statement, so that tests can see what a crash there leaves behind.
//!
//! Only whoever builds [`Options`](super::Options) in code can put a fuse in: no setting, argument or request names it, and
//! without one a statement costs a look at an empty `Option`. It sits where every statement of a write transaction and its
//! commit ask for the connection, so that nothing can pass beside it. What it says is what a lost connection says, once: a
//! use case that swallowed it would go on, commit, and be found out.

use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Shared with the engine that it is in: its clones are one fuse.
#[derive(Clone, Debug, Default)]
pub struct Fuse {
    /// How many statements are left, with the one that is cut; 0 cuts nothing.
    left: Arc<AtomicU64>,
}

impl Fuse {
    /// The `statement`-th from now on, counted from 1, is cut in place of being sent.
    pub fn cut(&self, statement: u64) {
        self.left.store(statement, Ordering::SeqCst);
    }

    /// Cuts nothing any more; whether something was cut.
    pub fn mend(&self) -> bool {
        self.left.swap(0, Ordering::SeqCst) == 0
    }

    pub(super) fn pass(&self) -> Result<(), sqlx::Error> {
        let left = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if left == Ok(1) {
            return Err(sqlx::Error::Io(ErrorKind::ConnectionReset.into()));
        }
        Ok(())
    }
}
