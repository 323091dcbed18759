-- When its push deleted a record whose end a hold keeps back: for that push it is gone, for everybody else it is inactive.
alter table record add column deleted bigint;
create index record_deleted on record (tenant, connection, resource) where deleted is not null;

-- What is held in a group that goes.
create index held_parent on held (tenant, parent) where parent <> '';
