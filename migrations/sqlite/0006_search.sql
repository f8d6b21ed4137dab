-- The name for search and sorting: in lower case and without accents. Null in rows that are older than this column,
-- until the service has started once.
alter table people add column sought_name text;

-- Contains every column that a search reads, so that it does not read the table.
create index people_sought on people (sought_name, id, active, email_key);
