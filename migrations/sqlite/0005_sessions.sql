-- People in a browser: their sessions, the links by which one signs in without a token, and the spent states of sign-ins
-- through an identity provider. Nothing here is a secret: each is kept as a hash of what its holder has.

create table sessions (
    -- Names the session in the log and as the owner of OAuth flows; it opens nothing.
    id text not null primary key,
    -- SHA-256 of the cookie's value.
    hash blob not null constraint sessions_hash_key unique,
    -- Who it is: all sessions of one identity can be ended at once.
    identity text not null,
    -- What the audit calls them.
    name text not null,
    -- member, manager, executive
    level text not null,
    -- The API token that it was begun with; it ends with that one.
    token_id text references tokens (id) on delete cascade,
    began_at bigint not null,
    -- The last request of the person, within a minute.
    seen_at bigint not null,
    -- It ends here however busy it is.
    ends_at bigint not null
);

create index sessions_identity on sessions (identity);

create index sessions_token on sessions (token_id);

create table signin_links (
    -- SHA-256 of what stands behind the link's #. The row goes when the link is spent.
    hash blob not null primary key,
    -- What the audit will call who signs in by it.
    name text not null,
    ends_at bigint not null
);

create table signin_states (
    -- SHA-256 of a state that was spent, so that it is not spent again.
    hash blob not null primary key,
    ends_at bigint not null
);
