-- Where the OAuth apps of the settings may be sent. A row is written when an app is first used, or when an Executive
-- approves a plugin for it. The apps themselves are not stored.
create table configured_apps (
    provider text not null,
    -- A MAC of the client id and the client secret, with a key that is derived from the master key.
    app text not null,
    -- JSON: the destinations, each a host and a placement.
    entered_for text not null,
    -- Who permitted the latest of them.
    set_by text not null,
    set_at bigint not null,
    mac blob not null,
    primary key (provider, app)
);
