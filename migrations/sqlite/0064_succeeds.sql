-- The connection that this one is the successor of: whose people it may claim.
alter table connection add column succeeds text;
