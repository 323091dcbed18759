-- What a connection's words would end beyond its budget: a hold, what it keeps (parent '' is the account's activity), and how
-- much the connection has ended lately, by the minute. Held rows are registers: the effective view counts them.
create table hold (
  tenant text collate "C" not null,
  id text collate "C" not null,
  connection text collate "C" not null,
  state text collate "C" not null,
  at bigint not null,
  release_at bigint not null,
  primary key (tenant, id)
);
create unique index hold_open on hold (tenant, connection) where state = 'open';

create table held (
  tenant text collate "C" not null,
  hold text collate "C" not null,
  resource text collate "C" not null,
  parent text collate "C" not null,
  stamp bigint not null,
  primary key (tenant, resource, parent),
  foreign key (tenant, hold) references hold (tenant, id)
);
create index held_hold on held (tenant, hold, resource);

create table loss (
  tenant text collate "C" not null,
  connection text collate "C" not null,
  at bigint not null,
  memberships bigint not null,
  deactivations bigint not null,
  primary key (tenant, connection, at)
);
