-- The MACs of rows that grant access. Each covers every column that grants something, with a key that is derived
-- from the master key. Null in rows of an older version, which the first start under this version authenticates or deletes, and
-- in sessions that begin while the service is sealed.
alter table tokens add column mac blob;
alter table sessions add column mac blob;
alter table signin_links add column mac blob;
alter table oauth_apps add column mac blob;
alter table oauth_flows add column mac blob;
alter table connections add column mac blob;
