//! Every integration test, in one program: it is built and linked once, and what the tests share is compiled once.
//!
//! A module tells the stories of one subject; `cargo nextest run holds::` runs those of `holds.rs`. Three modules hold no
//! stories: `support` (a database, a server and clients of one's own), `model` (the reference of the reconciliation rules)
//! and `search` (random schemas, documents and filters). The fuzz targets are a program of their own, `tests/fuzz.rs`.

mod model;
mod search;
mod support;

mod admin;
mod architecture;
mod bad_input;
mod broker;
mod bulk;
mod bulk_alone;
mod characteristics;
mod cli;
mod concurrency_bulk;
mod concurrency_feed;
mod concurrency_postgres;
mod concurrency_serial;
mod conflicts;
mod conformance;
mod crashes;
mod databases;
mod deadline;
mod directory;
mod discovery;
mod docker_story;
mod erasure;
mod health;
mod holds;
mod idp_fixtures;
mod lifecycle;
mod logins;
mod logs;
mod me;
mod modify;
mod moving_in;
mod nested;
mod oidc_login;
mod one_roll;
mod openid_provider;
mod organizations;
mod pages;
mod passwords;
mod patch_reference;
mod paused;
mod platform;
mod reconciliation;
mod reconciliation_rows;
mod reconciliation_stored;
mod reconciliation_wired;
mod round_trip;
mod routes;
mod scim_basics;
mod serve;
mod store_members;
mod store_pages;
mod store_plans;
mod store_roll;
mod store_search;
mod succession;
mod succession_histories;
mod tenant_schemas;
mod time;
mod versions;
mod wall;
mod withdrawal;
