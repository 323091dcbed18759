-- Applications that hand over claims under their own key. An administrator's words; `settings` hold public keys and the ceiling.
create table broker (
  tenant text collate "C" not null,
  connection text collate "C" not null,
  id text collate "C" not null,
  name text collate "C" not null,
  settings text collate "C" not null,
  created bigint not null,
  modified bigint not null,
  primary key (tenant, id),
  unique (tenant, connection, name),
  foreign key (tenant, connection) references connection (tenant, id)
);

-- Envelopes that were used, until they could not be used any more: a row that is there refuses the second use on every node.
create table envelope (
  tenant text collate "C" not null,
  broker text collate "C" not null,
  mark text collate "C" not null,
  expires bigint not null,
  primary key (tenant, broker, mark),
  foreign key (tenant, broker) references broker (tenant, id)
);
create index envelope_expires on envelope (tenant, expires, broker, mark);
