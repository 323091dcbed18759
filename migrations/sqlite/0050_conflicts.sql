-- An administrator's ruling on an identity that was refused: the account that it is, or (null) nobody of those who are there.
-- `kind` is `subject` (of a sign-in) or `record` (of a push); `hash` is an HMAC, so that nothing of a person can be read from it.
create table ruling (
  tenant text not null,
  connection text not null,
  kind text not null,
  hash text not null,
  resource text,
  at bigint not null,
  primary key (tenant, connection, kind, hash),
  foreign key (tenant, connection) references connection (tenant, id)
);
create index ruling_resource on ruling (tenant, resource);

-- What a refusal leaves behind: whose it was (`subject` or `record`), the HMAC of the identity, the decision of a sign-in, and
-- the candidates with the names of what matched; `settled` is the account that an administrator named.
alter table conflict add column kind text not null default 'record';
alter table conflict add column hash text;
alter table conflict add column decision text;
alter table conflict add column candidates text not null default '[]';
alter table conflict add column settled text;
alter table conflict add column resolved bigint;
create index conflict_state on conflict (tenant, state, at, id);

-- A link has an id of its own, so that no subject stands in a path.
alter table link add column id text not null default '';
update link set id = lower(hex(randomblob(16)));
create unique index link_id on link (tenant, id);
