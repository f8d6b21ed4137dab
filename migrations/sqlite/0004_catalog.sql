-- The catalog: the bytes of components, which of them are offered for approval, and a count of its changes.

-- The bytes themselves, so that every host has them; null once nothing can need them again.
alter table components add column bytes blob;
-- Where it is offered from: `api`, or `host:` and the host in whose plugins' folder it lies; null where it is not.
alter table components add column offered_from text;
-- The name of its file, where it lies in a folder.
alter table components add column offered_file text;

create index components_offered on components (offered_from);

-- `plugin_approvals.state` knows two more words: withdrawn, somebody went back from it and it waits anew; removed, its
-- provider was taken out of the catalog, and it is not approved by itself again.

-- Counts up with every change of an approval or an offer, so that each host sees that there is something to read.
create table catalog_changes (
    id bigint not null primary key,
    revision bigint not null
);

insert into catalog_changes (id, revision) values (1, 0);
