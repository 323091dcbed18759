-- Pages in the order of creation or change, the usual way to copy a directory and to follow it.
create index resource_created on resource (tenant, kind, created, id);
create index resource_modified on resource (tenant, kind, modified, id);
