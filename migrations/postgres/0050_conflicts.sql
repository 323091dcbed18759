-- An administrator's ruling on an identity that was refused: the account that it is, or (null) nobody of those who are there.
-- `kind` is `subject` (of a sign-in) or `record` (of a push); `hash` is an HMAC, so that nothing of a person can be read from it.
create table ruling (
  tenant text collate "C" not null,
  connection text collate "C" not null,
  kind text collate "C" not null,
  hash text collate "C" not null,
  resource text collate "C",
  at bigint not null,
  primary key (tenant, connection, kind, hash),
  foreign key (tenant, connection) references connection (tenant, id)
);
create index ruling_resource on ruling (tenant, resource);

-- What a refusal leaves behind: whose it was (`subject` or `record`), the HMAC of the identity, the decision of a sign-in, and
-- the candidates with the names of what matched; `settled` is the account that an administrator named.
alter table conflict add column kind text collate "C" not null default 'record';
alter table conflict add column hash text collate "C";
alter table conflict add column decision text collate "C";
alter table conflict add column candidates text collate "C" not null default '[]';
alter table conflict add column settled text collate "C";
alter table conflict add column resolved bigint;
create index conflict_state on conflict (tenant, state, at, id);

-- A link has an id of its own, so that no subject stands in a path.
alter table link add column id text collate "C" not null default '';
update link set id = gen_random_uuid()::text;
create unique index link_id on link (tenant, id);
