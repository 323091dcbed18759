-- What a tenant defines: extension schemas and resource types of its own. `body` is what holds, `next` a change under way (see
-- docs/schemas.md). Every change moves `tenant.schema_version`, by which each server knows that its own copy is old.

alter table tenant add column schema_version bigint not null default 0;

create table definition (
  tenant text collate "C" not null references tenant (id),
  kind text collate "C" not null,
  name text collate "C" not null,
  body text collate "C" not null,
  next text collate "C",
  created bigint not null,
  modified bigint not null,
  primary key (tenant, kind, name)
);
