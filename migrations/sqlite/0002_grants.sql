-- OAuth: the authorization flows, the apps, the grants and the journal of their refreshes. Secrets are stored in
-- `sealed_values`.

-- The OAuth grant of a connection. Its tokens are in `sealed_values`, under this table's name and the connection's id.
create table grants (
    connection_id text not null primary key,
    -- Incremented with every new pair of tokens. Only a write that is based on the newest pair may replace it.
    generation bigint not null,
    -- When the access token expires; null if the provider did not say.
    expires_at bigint,
    -- When this pair was issued, because an unused refresh token may expire.
    given_at bigint not null,
    -- The journal. Set before a refresh request is sent, and cleared after its response. If the value remains after its
    -- holder has stopped, a response was lost.
    asked_at bigint,
    -- The holder of the refresh lock: a host, and the run of its process.
    holder_host text,
    holder_run text,
    -- Incremented while the holder runs. If it does not change for some seconds, another host may take over the lock.
    beat bigint not null
);

-- One attempt to connect by OAuth. The PKCE verifier is in `sealed_values`, under this table's name and the id.
create table oauth_flows (
    id text not null primary key,
    provider text not null,
    -- The caller who requested the URL. Nobody else can complete the flow.
    caller text not null,
    -- The SHA-256 of the state.
    state_hash blob not null constraint oauth_flows_state_key unique,
    redirect_uri text not null,
    -- pending, redeeming, succeeded, failed
    outcome text not null,
    reason text,
    created_at bigint not null,
    expires_at bigint not null
);

create index oauth_flows_open on oauth_flows (provider, caller, outcome);

-- The OAuth apps that were set through the API. Their secrets are in `sealed_values`, under this table's name.
create table oauth_apps (
    provider text not null primary key,
    client_id text not null,
    -- The token endpoint that the secret was set for. It is not sent to any other one.
    token_url text not null,
    set_by text not null,
    set_at bigint not null
);
