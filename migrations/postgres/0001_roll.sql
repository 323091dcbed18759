-- The roll. `tenant` leads every key and index. Registers (who said what) and what is derived from them stand side by side:
-- derived are resource.{active, home, dead, display, document of a User}, value, vouch.live and the vouch rows of source login:k and default:k.

create table tenant (
  id text collate "C" not null primary key,
  name text collate "C" not null unique,
  kind text collate "C" not null,
  key bytea not null,
  created bigint not null
);

-- One IdP's relationship with a tenant. `seq` is the creation order: the home of a person is the first that pushes them.
create table connection (
  tenant text collate "C" not null references tenant (id),
  id text collate "C" not null,
  name text collate "C" not null,
  seq bigint not null,
  state text collate "C" not null,
  rules text collate "C" not null,
  used boolean not null,
  created bigint not null,
  modified bigint not null,
  primary key (tenant, id),
  unique (tenant, name)
);

create table domain (
  tenant text collate "C" not null,
  domain text collate "C" not null,
  connection text collate "C" not null,
  method text collate "C" not null,
  verified bigint not null,
  primary key (tenant, domain),
  foreign key (tenant, connection) references connection (tenant, id)
);

create table token (
  tenant text collate "C" not null references tenant (id),
  id text collate "C" not null,
  hash bytea not null unique,
  scope text collate "C" not null,
  connections text collate "C" not null,
  label text collate "C",
  created bigint not null,
  expires bigint,
  revoked bigint,
  primary key (tenant, id)
);

-- An account, a group, an organization. The document of a User is the effective one; ids never change and are never reused.
create table resource (
  tenant text collate "C" not null references tenant (id),
  id text collate "C" not null,
  kind text collate "C" not null,
  version bigint not null,
  created bigint not null,
  modified bigint not null,
  display text collate "C",
  document text collate "C" not null,
  active boolean not null,
  home text collate "C",
  suspended boolean not null,
  off bigint,
  dead bigint,
  retired bigint,
  owner text collate "C",
  organization text collate "C",
  protected boolean not null,
  primary key (tenant, id)
);
create index resource_kind on resource (tenant, kind, id);
create index resource_team on resource (tenant, organization, id) where organization is not null;

-- What one connection's push says of a person or a group. `document` is null while equal to the effective one;
-- `cleared` lists the cells it once said and says no more.
create table record (
  tenant text collate "C" not null,
  connection text collate "C" not null,
  resource text collate "C" not null,
  kind text collate "C" not null,
  external_id text collate "C",
  name_key text collate "C",
  active boolean not null,
  document text collate "C",
  cleared text collate "C" not null,
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
  tenant text collate "C" not null,
  resource text collate "C" not null,
  source text collate "C" not null,
  cell text collate "C" not null,
  value text collate "C",
  stamp bigint not null,
  primary key (tenant, resource, source, cell),
  foreign key (tenant, resource) references resource (tenant, id)
);

-- Derived: one row per indexed value. View '' is the effective document, else a connection whose own document differs.
create table value (
  tenant text collate "C" not null,
  resource text collate "C" not null,
  view text collate "C" not null,
  kind text collate "C" not null,
  attr text collate "C" not null,
  slot integer not null,
  val text collate "C" not null,
  whole text collate "C",
  uniq text collate "C"
);
create index value_lookup on value (tenant, kind, attr, val, resource, slot, view);
create index value_resource on value (tenant, resource, view, attr, slot, val);
create unique index value_unique on value (tenant, kind, attr, uniq, val) where uniq is not null;

-- `parent` (a group or an organization) has `member` by the word of `source`. push:k, grant, deny, invite and import are
-- registers; login:k and default:k are derived; `live` says whether the row counts now.
create table vouch (
  tenant text collate "C" not null,
  parent text collate "C" not null,
  member_kind text collate "C" not null,
  member text collate "C" not null,
  source text collate "C" not null,
  word text collate "C" not null,
  role text collate "C",
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
  tenant text collate "C" not null,
  connection text collate "C" not null,
  parent text collate "C" not null,
  stamp bigint not null,
  primary key (tenant, connection, parent)
);

create table link (
  tenant text collate "C" not null,
  connection text collate "C" not null,
  subject text collate "C" not null,
  resource text collate "C" not null,
  created bigint not null,
  last_login bigint not null,
  cut_off boolean not null,
  primary key (tenant, connection, subject),
  foreign key (tenant, resource) references resource (tenant, id)
);
create index link_resource on link (tenant, resource);

create table claim (
  tenant text collate "C" not null,
  connection text collate "C" not null,
  subject text collate "C" not null,
  field text collate "C" not null,
  stamp bigint not null,
  value text collate "C" not null,
  primary key (tenant, connection, subject, field)
);

-- Whose claim names this value: read when a group appears or changes its name.
create table claim_value (
  tenant text collate "C" not null,
  connection text collate "C" not null,
  subject text collate "C" not null,
  val text collate "C" not null,
  resource text collate "C" not null,
  primary key (tenant, connection, subject, val)
);
create index claim_value_lookup on claim_value (tenant, connection, val, resource);

-- An anchor names one account for ever; a retired one matches nobody. `matched`: a push and a login have both named it.
create table anchor (
  tenant text collate "C" not null,
  namespace text collate "C" not null,
  anchor text collate "C" not null,
  resource text collate "C" not null,
  retired boolean not null,
  matched boolean not null,
  primary key (tenant, namespace, anchor),
  foreign key (tenant, resource) references resource (tenant, id)
);
create index anchor_resource on anchor (tenant, resource);
create index anchor_matched on anchor (tenant, namespace, anchor) where matched;

-- What went: HMACs of anchors, subjects, names and addresses. Scope is a connection, or '*' and a namespace.
create table tombstone (
  tenant text collate "C" not null,
  scope text collate "C" not null,
  kind text collate "C" not null,
  hash text collate "C" not null,
  resource text collate "C",
  at bigint not null,
  expires bigint not null,
  primary key (tenant, scope, kind, hash)
);

create table invitation (
  tenant text collate "C" not null,
  id text collate "C" not null,
  address text collate "C" not null,
  token bytea not null,
  organization text collate "C",
  team text collate "C",
  role text collate "C",
  state text collate "C" not null,
  created bigint not null,
  expires bigint not null,
  accepted_by text collate "C",
  stamp bigint,
  primary key (tenant, id),
  unique (token)
);
create index invitation_address on invitation (tenant, address);

create table conflict (
  tenant text collate "C" not null,
  id text collate "C" not null,
  at bigint not null,
  code text collate "C" not null,
  connection text collate "C",
  resource text collate "C",
  state text collate "C" not null,
  primary key (tenant, id)
);

-- The trace of one login: claim names and group values used, each rule tried; kept for a set time.
create table decision (
  tenant text collate "C" not null,
  id text collate "C" not null,
  at bigint not null,
  connection text collate "C" not null,
  outcome text collate "C" not null,
  resource text collate "C",
  trace text collate "C" not null,
  primary key (tenant, id)
);

-- What changed effectively, append-only, written in the transaction of the change. `txn` orders commits (see docs/architecture.md).
create table event (
  position bigserial primary key,
  txn bigint not null default (pg_current_xact_id()::text::bigint),
  tenant text collate "C" not null,
  at bigint not null,
  kind text collate "C" not null,
  body text collate "C" not null
);
create index event_feed on event (tenant, txn, position);

-- Two words of SQLite, so that one SQL text runs on both engines.
create function json_each(rows text) returns table (value jsonb) language sql immutable strict parallel safe
  as $$ select jsonb_array_elements(rows::jsonb) $$;
create function instr(haystack text, needle text) returns integer language sql immutable strict parallel safe
  as $$ select strpos(haystack, needle) $$;
