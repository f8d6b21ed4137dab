-- Matches of a provider's accounts to people: those that run, and the results of those that nobody waited for.
create table match_runs (
    id text not null primary key,
    provider text not null,
    dry_run bigint not null,
    started_at bigint not null,
    -- The host and the process that work on it, and the time of their last heartbeat.
    host text not null,
    run text not null,
    beat_at bigint not null,
    -- running, ready, failed or cancelled.
    state text not null,
    pages bigint not null,
    accounts bigint not null,
    -- The problem of a failed match.
    problem_code text,
    problem_detail text,
    -- The number of parts of the result. Null until all of them are stored.
    parts bigint,
    ended_at bigint
);

-- The result of a match as JSON, cut into parts.
create table match_run_parts (
    match_id text not null references match_runs (id) on delete cascade,
    position bigint not null,
    json text not null,
    primary key (match_id, position)
);
