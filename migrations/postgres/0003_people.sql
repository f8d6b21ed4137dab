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

-- SQLite reads the rows of a statement from one parameter by its `json_each`. The same name does the same here, so that
-- one SQL text serves both; PostgreSQL's own `json_each` takes `json`, and this one takes `text`.
create function json_each(document text) returns table (value jsonb)
    language sql immutable parallel safe
    as $$ select elements.value from jsonb_array_elements(cast(document as jsonb)) as elements (value) $$;
