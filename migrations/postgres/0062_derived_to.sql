-- How far a change of a connection's settings has been derived, by the ids of people; null: everybody is.
alter table connection add column derived_to text collate "C";
