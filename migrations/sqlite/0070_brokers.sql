-- Applications that hand over claims under their own key. An administrator's words; `settings` hold public keys and the ceiling.
create table broker (
  tenant text not null,
  connection text not null,
  id text not null,
  name text not null,
  settings text not null,
  created bigint not null,
  modified bigint not null,
  primary key (tenant, id),
  unique (tenant, connection, name),
  foreign key (tenant, connection) references connection (tenant, id)
);

-- Envelopes that were used, until they could not be used any more: a row that is there refuses the second use on every node.
create table envelope (
  tenant text not null,
  broker text not null,
  mark text not null,
  expires bigint not null,
  primary key (tenant, broker, mark),
  foreign key (tenant, broker) references broker (tenant, id)
);
create index envelope_expires on envelope (tenant, expires, broker, mark);
