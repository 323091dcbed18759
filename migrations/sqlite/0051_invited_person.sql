-- The account that an administrator made the invitation for, if one.
alter table invitation add column person text;
create index invitation_person on invitation (tenant, person);
create index invitation_accepted on invitation (tenant, accepted_by);
