//! Messages: the bodies that are not resources (RFC 7644 §3.1), typed.
//!
//! Member names are read in any case, as attribute names are (RFC 7643 §2.1), and printed as the RFC spells them.
//! A body in the wrong shape is 400 `invalidSyntax`.

mod patch_op;

pub use patch_op::{Op, Operation, PatchOp};
