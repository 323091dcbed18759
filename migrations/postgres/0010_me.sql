-- Whom a token of the scope `me` is bound to: the administrator who makes the token says so.
alter table token add column person text collate "C";
create index token_person on token (tenant, person) where person is not null;
