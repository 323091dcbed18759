-- What time ends: grants, claims under a lease, invitations.
create index vouch_until on vouch (tenant, live_until) where live_until is not null;
create index claim_groups on claim (tenant, connection, stamp) where field = 'groups:';
create index invitation_pending on invitation (tenant, expires) where state = 'pending';
