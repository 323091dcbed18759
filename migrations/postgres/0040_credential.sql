-- What a client set as a password, by source: one connection's push (`push:k`) or an administrator (`entered`). A hash alone,
-- outside of every document, so that nothing that prints, compares or indexes one can show it. Erased with the person.
create table credential (
  tenant text collate "C" not null,
  resource text collate "C" not null,
  source text collate "C" not null,
  hash text collate "C" not null,
  modified bigint not null,
  primary key (tenant, resource, source),
  foreign key (tenant, resource) references resource (tenant, id)
);
