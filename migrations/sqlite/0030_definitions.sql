-- What a tenant defines: extension schemas and resource types of its own. `body` is what holds, `next` a change under way (see
-- docs/schemas.md). Every change moves `tenant.schema_version`, by which each server knows that its own copy is old.

alter table tenant add column schema_version bigint not null default 0;

create table definition (
  tenant text not null references tenant (id),
  kind text not null,
  name text not null,
  body text not null,
  next text,
  created bigint not null,
  modified bigint not null,
  primary key (tenant, kind, name)
);
