-- The mappings that a match created, so that the whole match can be undone.
create table match_plans (
    id text not null primary key,
    provider text not null,
    applied_by text not null,
    applied_at bigint not null,
    -- The number of created mappings.
    links bigint not null,
    undone_at bigint
);

create table match_links (
    plan_id text not null references match_plans (id) on delete cascade,
    -- For a deleted person, there is nothing to undo.
    person_id text not null references people (id) on delete cascade,
    external_id text not null,
    primary key (plan_id, person_id)
);

create index match_links_person on match_links (person_id);
