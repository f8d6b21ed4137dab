-- The catalog: the bytes of components, which of them can be approved, and a counter of changes.

-- The bytes of the component, so that every host can load it; null when they are no longer needed.
alter table components add column bytes bytea;
-- The source of the component: `api`, or `host:` and the id of the host with the file; null if it has no source.
alter table components add column offered_from text;
-- The name of its file, if it comes from a plugins folder.
alter table components add column offered_file text;

create index components_offered on components (offered_from);

-- `plugin_approvals.state` has two more values. withdrawn: an Executive rolled the approval back, so the digest is
-- pending again. removed: the plugin was removed from the catalog, so the digest is not approved automatically again.

-- Incremented with every change of an approval or a source, so that each host knows when to read them again.
create table catalog_changes (
    id bigint not null primary key,
    revision bigint not null
);

insert into catalog_changes (id, revision) values (1, 0);
