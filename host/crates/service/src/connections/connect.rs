//! Connects a provider with submitted fields.

use std::collections::BTreeMap;

use jackfield_core::{
    Account, Error, ProviderId,
    audit::{Action, Actor},
    manifest::Auth,
};
use jackfield_sandbox::Component;
use jackfield_store::{Expected, StoreError};

use super::{
    Connections,
    fields::{self, StoredFields, SubmittedValue},
    new_credential::NewCredential,
    parse_provider_id,
};
use crate::retry::{ChangeError, retry_overtaken};

/// The result of a connect: the organisation, or the accounts to choose from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectResult {
    pub org_name: Option<String>,
    /// The accounts that a person has to choose from; empty if there is no choice.
    pub accounts: Vec<Account>,
}

impl Connections {
    /// Tries a credential at the provider, and stores it if the provider accepts it.
    ///
    /// # Errors
    /// [`Error::InvalidFields`] for fields that break a rule, [`Error::CredentialRejected`], or the provider fails.
    /// A previously stored credential is then unchanged.
    pub async fn connect(
        &self,
        provider: &str,
        submitted: BTreeMap<String, SubmittedValue>,
        actor: &Actor,
    ) -> Result<ConnectResult, Error> {
        self.store.require_unsealed()?;
        let id = parse_provider_id(provider)?;
        let component = self.catalog.component(provider)?;
        if matches!(component.manifest.auth, Auth::OAuth2(_)) {
            return Err(Error::Unsupported(format!(
                "{} is connected by OAuth; use GET /api/admin/connections/{provider}/auth-url",
                component.manifest.title
            )));
        }
        let connected = retry_overtaken(|| self.connect_once(&id, &component, &submitted, actor)).await;
        if let Err(error) = &connected {
            self.audit_refusal(actor, Action::ConnectionConnect, &id, error).await;
        }
        connected
    }

    async fn connect_once(
        &self,
        id: &ProviderId,
        component: &Component,
        submitted: &BTreeMap<String, SubmittedValue>,
        actor: &Actor,
    ) -> Result<ConnectResult, ChangeError> {
        let stored = self.store.connection(id).await?;
        let stored_fields = match &stored {
            None => StoredFields::default(),
            Some(connection) => {
                // A credential that can no longer be used must not prevent a new one.
                let secrets = match self.store.connection_secrets(connection).await {
                    Err(StoreError::Unreadable | StoreError::Edited(..)) => BTreeMap::new(),
                    other => other?,
                };
                StoredFields { fields: connection.fields.clone(), secrets }
            }
        };
        let manifest = &component.manifest;
        let merged = fields::merge(manifest, submitted, stored_fields)?;
        let expected = match &stored {
            Some(connection) if merged.uses_stored_values => {
                Expected::Generation { id: connection.id.clone(), generation: connection.generation }
            }
            _ => Expected::Anything,
        };
        let credential = NewCredential { fields: merged.fields, secrets: merged.secrets, tokens: None };
        self.try_and_store(id, component, stored.as_ref(), credential, expected, actor).await
    }
}
