-- Whoever is pushed again is looked for among the tombstones by the account.
create index tombstone_resource on tombstone (tenant, resource, scope);
