-- OAuth: the flows that lead to a grant, the apps that ask for one, the grants themselves and the journal of their
-- refreshes. What is secret stands in `sealed_values`.

-- A grant behind a connection; its tokens are sealed under this table's name and the connection's id.
create table grants (
    connection_id text not null primary key,
    -- Counts up with every pair of tokens; only who holds the newest may replace it.
    generation bigint not null,
    -- When the access token ends; null where the provider did not say.
    expires_at bigint,
    -- When this pair was given: a refresh token that is not used for long enough dies.
    given_at bigint not null,
    -- The journal. Set before a refresh request leaves, cleared by its definite answer: a value that outlives its
    -- holder says that an answer was lost.
    asked_at bigint,
    -- Who refreshes at this moment: the host, and its run.
    holder_host text,
    holder_run text,
    -- Counts up while the holder lives. Who sees it stand still for some seconds may take its place.
    beat bigint not null
);

-- One attempt of a person to connect by OAuth. The PKCE verifier is sealed under this table's name and the id.
create table oauth_flows (
    id text not null primary key,
    provider text not null,
    -- Who asked for the URL; nobody else can end the flow.
    caller text not null,
    -- SHA-256 of the state.
    state_hash blob not null constraint oauth_flows_state_key unique,
    redirect_uri text not null,
    -- pending, redeeming, succeeded, failed
    outcome text not null,
    reason text,
    created_at bigint not null,
    expires_at bigint not null
);

create index oauth_flows_open on oauth_flows (provider, caller, outcome);

-- The OAuth app of a provider, where it was set through the API; its secret is sealed under this table's name.
create table oauth_apps (
    provider text not null primary key,
    client_id text not null,
    -- The token endpoint that the secret was given for; a component with another one does not get it.
    token_url text not null,
    set_by text not null,
    set_at bigint not null
);
