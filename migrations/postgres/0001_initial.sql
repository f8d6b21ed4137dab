-- The tables of the service. Times are microseconds since 1970 in UTC.

-- One row for each master key that has encrypted anything.
create table keyring (
    key_id text not null primary key,
    -- A known value, encrypted under the key. It proves whether the configured key is the right one.
    check_format bigint not null,
    check_wrapped_key bytea not null,
    check_ciphertext bytea not null,
    -- The number of data keys that this key has wrapped. The cipher's limit is 2^32 (NIST SP 800-38D §8.3).
    wraps bigint not null,
    created_at bigint not null
);

create table connections (
    -- New for each connect after a disconnect, so that secrets of the old connection do not decrypt in the new one.
    id text not null primary key,
    provider text not null constraint connections_provider_key unique,
    -- Incremented with every change of credential or fields. A write that is based on an older one is rejected.
    generation bigint not null,
    org_name text,
    -- The provider's id of the account that the credential belongs to.
    account text,
    -- JSON: an object of the fields that are not secret.
    fields text not null,
    connected_by text not null,
    connected_at bigint not null,
    token_expires_at bigint,
    -- connected, expiring, degraded, needs_choice, needs_reauth
    status text not null,
    reason text,
    since bigint not null,
    -- When to retry background work.
    retry_at bigint,
    -- Until when the provider asked to wait.
    held_until bigint,
    -- JSON: the result of the last health check.
    last_check text
);

-- Every secret of the service. Each is encrypted and bound to its table, row and column.
create table sealed_values (
    -- The table, row and column of the value. They are authenticated with the ciphertext.
    owner_table text not null,
    owner_row text not null,
    owner_column text not null,
    key_id text not null,
    format bigint not null,
    -- The nonce, and the data key wrapped by the master key.
    wrapped_key bytea not null,
    -- The nonce, and the value encrypted by the data key.
    ciphertext bytea not null,
    primary key (owner_table, owner_row, owner_column)
);

create index sealed_values_key on sealed_values (key_id);

create table people (
    id text not null primary key,
    name text not null,
    email text not null,
    -- The email address in the form in which addresses are compared: case and Unicode encoding do not matter.
    email_key text not null constraint people_email_key unique,
    -- The company's id of the person.
    user_id text,
    active bigint not null,
    created_at bigint not null,
    updated_at bigint not null
);

-- The accounts of people at the providers.
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
    -- The SHA-256 of the token. The token itself is shown once and not stored.
    hash bytea not null constraint tokens_hash_key unique,
    -- member, manager, executive, service
    level text not null,
    -- JSON: the providers that a service token can access.
    providers text not null,
    created_at bigint not null,
    expires_at bigint,
    revoked_at bigint
);

-- The audit log. Each row contains a hash of itself and the previous row, so that changes can be detected.
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

-- The end of the audit log's hash chain, in one row. Every writer locks it first, so that numbers are unique.
create table audit_head (
    id bigint not null primary key,
    seq bigint not null,
    hash bytea not null
);

-- The manifest of each component, by the digest of its bytes. The service only uses the stored manifest.
create table components (
    digest text not null primary key,
    provider text not null,
    version text not null,
    -- JSON: the manifest.
    manifest text not null,
    first_seen_at bigint not null
);

-- The approvals of digests. Each is authenticated with a key that is derived from the master key.
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
