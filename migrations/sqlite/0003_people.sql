-- What a match linked, so that it can be undone as a whole.
create table match_plans (
    id text not null primary key,
    provider text not null,
    applied_by text not null,
    applied_at bigint not null,
    -- How many mappings it made.
    links bigint not null,
    undone_at bigint
);

create table match_links (
    plan_id text not null references match_plans (id) on delete cascade,
    -- Nothing is left to undo for somebody who is gone.
    person_id text not null references people (id) on delete cascade,
    external_id text not null,
    primary key (plan_id, person_id)
);

create index match_links_person on match_links (person_id);
