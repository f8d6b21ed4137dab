-- The tables of the service. Times are microseconds since 1970 UTC.

-- One row for each master key that ever sealed something.
create table keyring (
    key_id text not null primary key,
    -- A known value sealed under the key: proof that the key at hand is the right one.
    check_format bigint not null,
    check_wrapped_key bytea not null,
    check_ciphertext bytea not null,
    -- How many data keys this key has wrapped; the cipher's bound is 2^32 (NIST SP 800-38D §8.3).
    wraps bigint not null,
    created_at bigint not null
);

create table connections (
    -- Fresh for each connect after a disconnect, so that nothing sealed for the former opens in the latter.
    id text not null primary key,
    provider text not null constraint connections_provider_key unique,
    -- Counts up with every change of credential or fields; a late writer that holds an older one is refused.
    generation bigint not null,
    org_name text,
    -- The account behind the credential, in the provider's own id.
    account text,
    -- JSON: the fields that are not secret, name to value.
    fields text not null,
    connected_by text not null,
    connected_at bigint not null,
    token_expires_at bigint,
    -- connected, expiring, degraded, needs_choice, needs_reauth
    status text not null,
    reason text,
    since bigint not null,
    -- When background work is tried again.
    retry_at bigint,
    -- Until when the provider itself asked us to wait.
    held_until bigint,
    -- JSON: what the last question to the provider came to.
    last_check text
);

-- Every secret of the service, each sealed for its very place.
create table sealed_values (
    -- The table, row and column that the value belongs to; bound into the sealing.
    owner_table text not null,
    owner_row text not null,
    owner_column text not null,
    key_id text not null,
    format bigint not null,
    -- Nonce and data key, wrapped by the master key.
    wrapped_key bytea not null,
    -- Nonce and value, encrypted by the data key.
    ciphertext bytea not null,
    primary key (owner_table, owner_row, owner_column)
);

create index sealed_values_key on sealed_values (key_id);

create table people (
    id text not null primary key,
    name text not null,
    email text not null,
    -- The address as it is compared: without blanks around, in lower case.
    email_key text not null constraint people_email_key unique,
    -- The company's own id of the person.
    user_id text,
    active bigint not null,
    created_at bigint not null,
    updated_at bigint not null
);

-- Which account of a provider belongs to which person.
create table mappings (
    person_id text not null references people (id) on delete cascade,
    provider text not null,
    external_id text not null,
    -- manual, sync or match
    source text not null,
    created_at bigint not null,
    primary key (person_id, provider),
    constraint mappings_external_key unique (provider, external_id)
);

create table tokens (
    id text not null primary key,
    name text not null,
    -- SHA-256 of the token; the token itself is shown once and kept nowhere.
    hash bytea not null constraint tokens_hash_key unique,
    -- member, manager, executive, service
    level text not null,
    -- JSON: the providers that a service token reaches.
    providers text not null,
    created_at bigint not null,
    expires_at bigint,
    revoked_at bigint
);

-- Who did what. Each row carries a hash over itself and the row before, so that an edit shows.
create table audit (
    seq bigint not null primary key,
    at bigint not null,
    actor text not null,
    action text not null,
    provider text,
    -- done, refused
    outcome text not null,
    detail text,
    origin text,
    request_id text,
    hash bytea not null
);

-- The end of the audit's chain, one row: taken first by every writer, so that no number is given twice.
create table audit_head (
    id bigint not null primary key,
    seq bigint not null,
    hash bytea not null
);

-- What a component said of itself, by the digest of its bytes. What is stored is what holds.
create table components (
    digest text not null primary key,
    provider text not null,
    version text not null,
    -- JSON: the manifest.
    manifest text not null,
    first_seen_at bigint not null
);

-- Which digest an administrator approved for a provider, authenticated under a key derived from the master key.
create table plugin_approvals (
    provider text not null,
    digest text not null,
    -- approved, disabled, superseded
    state text not null,
    approved_by text not null,
    approved_at bigint not null,
    mac bytea not null,
    primary key (provider, digest)
);

insert into audit_head (id, seq, hash) values (1, 0, ''::bytea);
