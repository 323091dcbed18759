-- The connection that an administrator made the home of a person.
alter table resource add column pinned text;
