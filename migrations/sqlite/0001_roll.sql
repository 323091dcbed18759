-- The roll. `tenant` leads every key and index. Registers (who said what) and what is derived from them stand side by side:
-- derived are resource.{active, home, dead, display, document of a User}, value, vouch.live and the vouch rows of source login:k and default:k.

create table tenant (
  id text not null primary key,
  name text not null unique,
  kind text not null,
  key blob not null,
  created bigint not null
);

-- One IdP's relationship with a tenant. `seq` is the creation order: the home of a person is the first that pushes them.
create table connection (
  tenant text not null references tenant (id),
  id text not null,
  name text not null,
  seq bigint not null,
  state text not null,
  rules text not null,
  used boolean not null,
  created bigint not null,
  modified bigint not null,
  primary key (tenant, id),
  unique (tenant, name)
);

create table domain (
  tenant text not null,
  domain text not null,
  connection text not null,
  method text not null,
  verified bigint not null,
  primary key (tenant, domain),
  foreign key (tenant, connection) references connection (tenant, id)
);

create table token (
  tenant text not null references tenant (id),
  id text not null,
  hash blob not null unique,
  scope text not null,
  connections text not null,
  label text,
  created bigint not null,
  expires bigint,
  revoked bigint,
  primary key (tenant, id)
);

-- An account, a group, an organization. The document of a User is the effective one; ids never change and are never reused.
create table resource (
  tenant text not null references tenant (id),
  id text not null,
  kind text not null,
  version bigint not null,
  created bigint not null,
  modified bigint not null,
  display text,
  document text not null,
  active boolean not null,
  home text,
  suspended boolean not null,
  off bigint,
  dead bigint,
  retired bigint,
  owner text,
  organization text,
  protected boolean not null,
  primary key (tenant, id)
);
create index resource_kind on resource (tenant, kind, id);
create index resource_team on resource (tenant, organization, id) where organization is not null;

-- What one connection's push says of a person or a group. `document` is null while equal to the effective one;
-- `cleared` lists the cells it once said and says no more.
create table record (
  tenant text not null,
  connection text not null,
  resource text not null,
  kind text not null,
  external_id text,
  name_key text,
  active boolean not null,
  document text,
  cleared text not null,
  bound_at bigint not null,
  off bigint,
  primary key (tenant, resource, connection),
  unique (tenant, connection, kind, external_id),
  foreign key (tenant, resource) references resource (tenant, id),
  foreign key (tenant, connection) references connection (tenant, id)
);
create index record_name on record (tenant, connection, kind, name_key);

-- What an administrator (lock, entered) says of one cell; a null value is `Cleared`.
create table word (
  tenant text not null,
  resource text not null,
  source text not null,
  cell text not null,
  value text,
  stamp bigint not null,
  primary key (tenant, resource, source, cell),
  foreign key (tenant, resource) references resource (tenant, id)
);

-- Derived: one row per indexed value. View '' is the effective document, else a connection whose own document differs.
create table value (
  tenant text not null,
  resource text not null,
  view text not null,
  kind text not null,
  attr text not null,
  slot integer not null,
  val text not null,
  whole text,
  uniq text
);
create index value_lookup on value (tenant, kind, attr, val, resource, slot, view);
create index value_resource on value (tenant, resource, view, attr, slot, val);
create unique index value_unique on value (tenant, kind, attr, uniq, val) where uniq is not null;

-- `parent` (a group or an organization) has `member` by the word of `source`. push:k, grant, deny, invite and import are
-- registers; login:k and default:k are derived; `live` says whether the row counts now.
create table vouch (
  tenant text not null,
  parent text not null,
  member_kind text not null,
  member text not null,
  source text not null,
  word text not null,
  role text,
  stamp bigint,
  live_until bigint,
  live boolean not null,
  primary key (tenant, parent, member_kind, member, source),
  foreign key (tenant, parent) references resource (tenant, id),
  foreign key (tenant, member) references resource (tenant, id)
);
create index vouch_member on vouch (tenant, member, parent, source);

-- When a connection last stated the whole list of a group.
create table full_list (
  tenant text not null,
  connection text not null,
  parent text not null,
  stamp bigint not null,
  primary key (tenant, connection, parent)
);

create table link (
  tenant text not null,
  connection text not null,
  subject text not null,
  resource text not null,
  created bigint not null,
  last_login bigint not null,
  cut_off boolean not null,
  primary key (tenant, connection, subject),
  foreign key (tenant, resource) references resource (tenant, id)
);
create index link_resource on link (tenant, resource);

create table claim (
  tenant text not null,
  connection text not null,
  subject text not null,
  field text not null,
  stamp bigint not null,
  value text not null,
  primary key (tenant, connection, subject, field)
);

-- Whose claim names this value: read when a group appears or changes its name.
create table claim_value (
  tenant text not null,
  connection text not null,
  subject text not null,
  val text not null,
  resource text not null,
  primary key (tenant, connection, subject, val)
);
create index claim_value_lookup on claim_value (tenant, connection, val, resource);

-- An anchor names one account for ever; a retired one matches nobody. `matched`: a push and a login have both named it.
create table anchor (
  tenant text not null,
  namespace text not null,
  anchor text not null,
  resource text not null,
  retired boolean not null,
  matched boolean not null,
  primary key (tenant, namespace, anchor),
  foreign key (tenant, resource) references resource (tenant, id)
);
create index anchor_resource on anchor (tenant, resource);
create index anchor_matched on anchor (tenant, namespace, anchor) where matched;

-- What went: HMACs of anchors, subjects, names and addresses. Scope is a connection, or '*' and a namespace.
create table tombstone (
  tenant text not null,
  scope text not null,
  kind text not null,
  hash text not null,
  resource text,
  at bigint not null,
  expires bigint not null,
  primary key (tenant, scope, kind, hash)
);

create table invitation (
  tenant text not null,
  id text not null,
  address text not null,
  token blob not null,
  organization text,
  team text,
  role text,
  state text not null,
  created bigint not null,
  expires bigint not null,
  accepted_by text,
  stamp bigint,
  primary key (tenant, id),
  unique (token)
);
create index invitation_address on invitation (tenant, address);

create table conflict (
  tenant text not null,
  id text not null,
  at bigint not null,
  code text not null,
  connection text,
  resource text,
  state text not null,
  primary key (tenant, id)
);

-- The trace of one login: claim names and group values used, each rule tried; kept for a set time.
create table decision (
  tenant text not null,
  id text not null,
  at bigint not null,
  connection text not null,
  outcome text not null,
  resource text,
  trace text not null,
  primary key (tenant, id)
);

-- What changed effectively, append-only, written in the transaction of the change. `txn` orders commits (see docs/architecture.md).
create table event (
  position integer not null primary key autoincrement,
  txn bigint not null default 0,
  tenant text not null,
  at bigint not null,
  kind text not null,
  body text not null
);
create index event_feed on event (tenant, txn, position);
