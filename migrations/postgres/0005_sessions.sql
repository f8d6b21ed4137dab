-- Browser sessions, one-time sign-in links, and the used states of sign-ins through an identity provider. None of it is
-- secret: only hashes are stored.

create table sessions (
    -- Identifies the session in the log and as the owner of OAuth flows. It does not authenticate anybody.
    id text not null primary key,
    -- The SHA-256 of the cookie's value.
    hash bytea not null constraint sessions_hash_key unique,
    -- The identity of the person. All sessions of an identity can be ended together.
    identity text not null,
    -- The name shown in the audit log.
    name text not null,
    -- member, manager, executive
    level text not null,
    -- The API token that started the session, if any. The session is valid only while the token is.
    token_id text references tokens (id) on delete cascade,
    began_at bigint not null,
    -- The time of the last request, accurate to a minute.
    seen_at bigint not null,
    -- When the session ends, even if it is in use.
    ends_at bigint not null
);

create index sessions_identity on sessions (identity);

create index sessions_token on sessions (token_id);

create table signin_links (
    -- The SHA-256 of the link's fragment. The row is deleted when the link is used.
    hash bytea not null primary key,
    -- The name that the audit log will show for the session.
    name text not null,
    ends_at bigint not null
);

create table signin_states (
    -- The SHA-256 of a state that was used, so that it cannot be used again.
    hash bytea not null primary key,
    ends_at bigint not null
);
