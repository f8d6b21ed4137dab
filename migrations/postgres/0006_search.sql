-- The name as it is sought and ordered: in lower case, without accents; null for who came before there was such a column,
-- until the service has started once. Ordered byte by byte, as the other database does.
alter table people add column sought_name text collate "C";

-- Holds all that a search looks at, so that it reads no more than this.
create index people_sought on people (sought_name, id, active, email_key);
