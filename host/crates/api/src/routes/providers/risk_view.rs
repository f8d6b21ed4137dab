//! The risks of a plugin, as an Executive sees them before the approval.

use jackfield_sandbox::{Risk, RiskKind};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;

/// Something that an Executive has to notice before the approval.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ProviderRiskView {
    /// `not_approvable_today`: an approved version breaks a rule that new versions have to follow. `secret_in_url`: a
    /// secret is sent in the URL. `secret_in_content`: a secret is sent where the provider can store and show it.
    /// `whole_api`: an endpoint is a complete API, such as GraphQL. `scope_in_parameter`: a parameter can request
    /// permissions in addition to the scopes. `new_token_endpoint`: a client secret, tokens or signed requests go to
    /// another endpoint than before. `secret_to_new_host`: a secret goes to a host that did not receive it before.
    #[schemars(schema_with = "risk_kind_schema")]
    kind: RiskKind,
    /// Whether a wrong decision can disclose a secret.
    danger: bool,
    /// What could happen, in words.
    what: String,
}

impl From<Risk> for ProviderRiskView {
    fn from(risk: Risk) -> Self {
        Self { kind: risk.kind, danger: risk.kind.is_danger(), what: risk.what }
    }
}

fn risk_kind_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "enum": RiskKind::ALL })
}
