//! Random schemas, documents, filters and sorted pages, and what an in-memory evaluator says of them: SQL is held against it.

pub mod facts;
pub mod filters;
pub mod populace;
pub mod schemas;
