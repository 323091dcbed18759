-- Imported memberships are asked for by themselves: those that nobody has confirmed.
create index vouch_imported on vouch (tenant, parent, member) where source = 'import';
