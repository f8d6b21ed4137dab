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

-- In SQLite, `json_each` reads the rows of a statement from one parameter. This function does the same, so that both
-- databases use the same SQL text. PostgreSQL's own `json_each` takes `json`, this one takes `text`.
create function json_each(document text) returns table (value jsonb)
    language sql immutable parallel safe
    as $$ select elements.value from jsonb_array_elements(cast(document as jsonb)) as elements (value) $$;
