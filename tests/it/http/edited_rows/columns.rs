//! Every column of every table, with what keeps somebody who can write it from gaining access.

use self::Protection::{GrantsNothing, Mac, Sealed};

/// What protects a column.
#[derive(Clone, Copy, Debug)]
pub(super) enum Protection {
    /// The MAC of the row covers it. Contains another value in SQL that somebody could write.
    Mac(&'static str),
    /// It is a part of an encrypted value, or of what is authenticated with it.
    Sealed,
    /// Whoever writes it gains no level, no approval and no secret. Contains the reason.
    GrantsNothing(&'static str),
}

/// A table and its columns.
type Table = (&'static str, &'static [(&'static str, Protection)]);

const DATA: Protection = GrantsNothing("data of the company, which is shown and exported, and which decides nothing");
const STATUS: Protection = GrantsNothing("the status that is shown; it delays calls at most");
const REFRESH: Protection = GrantsNothing("decides when tokens are refreshed, not which ones and where");
const CHAIN: Protection = GrantsNothing("the audit log decides nothing; its chain of hashes shows edits");
const OFFER: Protection = GrantsNothing("an offer has to be approved; the approval covers digest and manifest");
const APPROVAL: Protection = GrantsNothing("the MAC of the approval covers it: http::catalog::tampered");

/// The columns of every table.
pub(super) const COLUMNS: &[Table] = &[
    (
        "tokens",
        &[
            ("id", Mac("'another'")),
            ("name", Mac("'other'")),
            ("hash", Mac("null")),
            ("level", Mac("'executive'")),
            ("providers", Mac("'[\"slack\"]'")),
            ("created_at", Mac("1")),
            ("expires_at", Mac("null")),
            ("revoked_at", Mac("null")),
            ("mac", Mac("(select mac from tokens where name = 'executive')")),
        ],
    ),
    (
        "sessions",
        &[
            ("id", Mac("'another'")),
            ("hash", Mac("null")),
            ("identity", Mac("'link:first executive'")),
            ("name", Mac("'somebody else'")),
            ("level", Mac("'executive'")),
            ("token_id", Mac("null")),
            ("began_at", Mac("1")),
            ("seen_at", Mac("seen_at + 1")),
            ("ends_at", Mac("ends_at + 1000000")),
            ("mac", Mac("(select mac from sessions where id = (select min(id) from sessions))")),
        ],
    ),
    (
        "signin_links",
        &[
            ("hash", Mac("null")),
            ("name", Mac("'first executive'")),
            ("ends_at", Mac("ends_at + 1000000")),
            ("mac", Mac("null")),
        ],
    ),
    (
        "oauth_apps",
        &[
            ("provider", Mac("'other'")),
            ("client_id", Mac("'client of somebody else'")),
            ("token_url", Mac("'https://identity.elsewhere.example/token'")),
            ("set_by", Mac("'somebody else'")),
            ("set_at", Mac("1")),
            ("mac", Mac("null")),
        ],
    ),
    (
        "configured_apps",
        &[
            ("provider", Mac("'other'")),
            ("app", Mac("'another'")),
            ("entered_for", Mac("replace(entered_for, 'identity', 'identitz')")),
            ("set_by", Mac("'somebody else'")),
            ("set_at", Mac("1")),
            ("mac", Mac("(select mac from connections)")),
        ],
    ),
    (
        "oauth_flows",
        &[
            ("id", Mac("'another'")),
            ("provider", Mac("'slack'")),
            ("caller", Mac("'somebody else'")),
            ("state_hash", Mac("null")),
            ("redirect_uri", Mac("'https://elsewhere.example/callback'")),
            ("outcome", Mac("'succeeded'")),
            ("reason", Mac("'another'")),
            ("created_at", Mac("1")),
            ("expires_at", Mac("expires_at + 1")),
            ("mac", Mac("null")),
        ],
    ),
    (
        "connections",
        &[
            ("id", Mac("'another'")),
            ("provider", Mac("'other'")),
            ("generation", Mac("generation + 1")),
            ("org_name", Mac("'Another company'")),
            ("account", Mac("'another'")),
            ("fields", Mac("'{\"channel_id\":\"C0EVIL\"}'")),
            ("connected_by", Mac("'somebody else'")),
            ("connected_at", Mac("1")),
            ("token_expires_at", REFRESH),
            ("status", STATUS),
            ("reason", STATUS),
            ("since", STATUS),
            ("retry_at", STATUS),
            ("held_until", STATUS),
            ("last_check", STATUS),
            ("mac", Mac("null")),
            ("disconnect_by", Mac("'somebody else'")),
            ("disconnect_at", Mac("1")),
            ("disconnect_host", Mac("'another'")),
            ("disconnect_run", Mac("'another'")),
        ],
    ),
    (
        "plugin_approvals",
        &[
            ("provider", APPROVAL),
            ("digest", APPROVAL),
            ("state", APPROVAL),
            ("approved_by", APPROVAL),
            ("approved_at", APPROVAL),
            ("mac", APPROVAL),
        ],
    ),
    (
        "components",
        &[
            ("digest", GrantsNothing("the bytes are hashed before they run: http::catalog::tampered")),
            ("provider", OFFER),
            ("version", OFFER),
            ("manifest", APPROVAL),
            ("first_seen_at", OFFER),
            ("bytes", GrantsNothing("the bytes are hashed before they run: http::catalog::tampered")),
            ("offered_from", OFFER),
            ("offered_file", OFFER),
        ],
    ),
    ("catalog_changes", &[("id", OFFER), ("revision", GrantsNothing("tells hosts when to read the approvals again"))]),
    (
        "keyring",
        &[
            ("key_id", Sealed),
            ("check_format", Sealed),
            ("check_wrapped_key", Sealed),
            ("check_ciphertext", Sealed),
            ("wraps", GrantsNothing("counts the uses of the key; with a lower number, the warning comes too late")),
            ("created_at", GrantsNothing("is neither read nor shown, only stored for an operator")),
        ],
    ),
    (
        "sealed_values",
        &[
            ("owner_table", Sealed),
            ("owner_row", Sealed),
            ("owner_column", Sealed),
            ("key_id", Sealed),
            ("format", Sealed),
            ("wrapped_key", Sealed),
            ("ciphertext", Sealed),
            ("entered_for", Sealed),
        ],
    ),
    (
        "grants",
        &[
            ("connection_id", GrantsNothing("its tokens are sealed for this id, and cannot be opened for another")),
            ("generation", REFRESH),
            ("expires_at", REFRESH),
            ("given_at", REFRESH),
            ("asked_at", REFRESH),
            ("holder_host", REFRESH),
            ("holder_run", REFRESH),
            ("beat", REFRESH),
        ],
    ),
    ("signin_states", &[("hash", STATE), ("ends_at", STATE)]),
    (
        "people",
        &[
            ("id", DATA),
            ("name", DATA),
            ("email", DATA),
            ("email_key", DATA),
            ("user_id", DATA),
            ("active", DATA),
            ("created_at", DATA),
            ("updated_at", DATA),
            ("sought_name", DATA),
        ],
    ),
    (
        "mappings",
        &[("person_id", DATA), ("provider", DATA), ("external_id", DATA), ("source", DATA), ("created_at", DATA)],
    ),
    (
        "match_plans",
        &[
            ("id", DATA),
            ("provider", DATA),
            ("applied_by", DATA),
            ("applied_at", DATA),
            ("links", DATA),
            ("undone_at", DATA),
        ],
    ),
    ("match_links", &[("plan_id", DATA), ("person_id", DATA), ("external_id", DATA)]),
    (
        "match_runs",
        &[
            ("id", DATA),
            ("provider", DATA),
            ("dry_run", DATA),
            ("started_at", DATA),
            ("host", DATA),
            ("run", DATA),
            ("beat_at", DATA),
            ("state", DATA),
            ("pages", DATA),
            ("accounts", DATA),
            ("problem_code", DATA),
            ("problem_detail", DATA),
            ("parts", DATA),
            ("ended_at", DATA),
        ],
    ),
    ("match_run_parts", &[("match_id", DATA), ("position", DATA), ("json", DATA)]),
    (
        "audit",
        &[
            ("seq", CHAIN),
            ("at", CHAIN),
            ("actor", CHAIN),
            ("action", CHAIN),
            ("provider", CHAIN),
            ("outcome", CHAIN),
            ("detail", CHAIN),
            ("origin", CHAIN),
            ("request_id", CHAIN),
            ("hash", CHAIN),
        ],
    ),
    ("audit_head", &[("id", CHAIN), ("seq", CHAIN), ("hash", CHAIN)]),
];

const STATE: Protection =
    GrantsNothing("a deleted state could be used again, but only in the same browser, and its code is used up");

/// Returns the columns of a table that its MAC covers, and the MAC itself, each with another value in SQL.
pub(in crate::http) fn edits(table: &str) -> Vec<(&'static str, &'static str)> {
    let (_, columns) = COLUMNS.iter().find(|(name, _)| *name == table).expect("a listed table");
    let edits = columns.iter().filter_map(|(column, protection)| match protection {
        Mac(value) => Some((*column, *value)),
        Sealed | GrantsNothing(_) => None,
    });
    edits.collect()
}
