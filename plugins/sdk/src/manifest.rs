//! Builders for the manifest: its fields, its authorization and its capabilities.

use crate::types::{
    Auth, Capabilities, Choice, ClientAuthentication, Endpoint, Field, FieldKind, Manifest, MappingFate, Oauth2Grant,
    Parameter, RefreshTokens, ServiceAccountGrant,
};

impl Manifest {
    /// Creates a manifest without fields and endpoints. Use `env!("CARGO_PKG_VERSION")` as the version.
    #[must_use]
    pub fn new(id: &str, title: &str, version: &str) -> Self {
        Self {
            id: id.into(),
            title: title.into(),
            version: version.into(),
            auth: Auth::Fields,
            fields: Vec::new(),
            endpoints: Vec::new(),
            capabilities: Capabilities::empty(),
            on_disconnect: MappingFate::Keep,
        }
    }

    /// Connects with an OAuth 2.0 authorization code.
    #[must_use]
    pub fn oauth2(mut self, grant: Oauth2Grant) -> Self {
        self.auth = Auth::Oauth2(grant);
        self
    }

    /// Mints access tokens from the key file of a service account.
    #[must_use]
    pub fn service_account(mut self, grant: ServiceAccountGrant) -> Self {
        self.auth = Auth::ServiceAccount(grant);
        self
    }

    /// Adds an input to the connect form.
    #[must_use]
    pub fn field(mut self, field: Field) -> Self {
        self.fields.push(field);
        self
    }

    /// Adds an endpoint that the plugin calls; see [`endpoint`](crate::endpoint).
    #[must_use]
    pub fn endpoint(mut self, endpoint: Endpoint) -> Self {
        self.endpoints.push(endpoint);
        self
    }

    /// Declares that the plugin implements `list_users`.
    #[must_use]
    pub fn lists_users(self) -> Self {
        self.with_capability(Capabilities::USERS)
    }

    /// Declares that the plugin exports `alerts`.
    #[must_use]
    pub fn takes_alerts(self) -> Self {
        self.with_capability(Capabilities::ALERTS)
    }

    /// Declares that a credential may belong to several accounts, so that `connect` may return a choice.
    #[must_use]
    pub fn has_accounts(self) -> Self {
        self.with_capability(Capabilities::ACCOUNTS)
    }

    /// Deletes the people's mappings when the connection is disconnected.
    #[must_use]
    pub fn clears_mappings(mut self) -> Self {
        self.on_disconnect = MappingFate::Clear;
        self
    }

    fn with_capability(mut self, capability: Capabilities) -> Self {
        self.capabilities = self.capabilities | capability;
        self
    }
}

impl Field {
    /// Creates a required one-line input for a secret, which is stored encrypted and never reaches the component.
    #[must_use]
    pub fn secret(name: &str, label: &str) -> Self {
        Self { secret: true, ..Self::new(name, label, FieldKind::Text) }
    }

    /// Creates a required one-line input.
    #[must_use]
    pub fn text(name: &str, label: &str) -> Self {
        Self::new(name, label, FieldKind::Text)
    }

    /// Creates a required input for an email address.
    #[must_use]
    pub fn email(name: &str, label: &str) -> Self {
        Self::new(name, label, FieldKind::Email)
    }

    /// Creates a required input for an https URL.
    #[must_use]
    pub fn url(name: &str, label: &str) -> Self {
        Self::new(name, label, FieldKind::Url)
    }

    /// Creates a required input for a secret JSON document, such as a key file.
    #[must_use]
    pub fn secret_json(name: &str, label: &str) -> Self {
        Self { secret: true, ..Self::new(name, label, FieldKind::Json) }
    }

    /// Creates a required choice among values and their labels.
    #[must_use]
    pub fn choice(name: &str, label: &str, choices: &[(&str, &str)]) -> Self {
        let choices = choices.iter().map(|&(value, label)| Choice { value: value.into(), label: label.into() });
        Self { choices: choices.collect(), ..Self::new(name, label, FieldKind::Choice) }
    }

    /// Allows the field to be left empty.
    #[must_use]
    pub fn optional(mut self) -> Self {
        self.required = false;
        self
    }

    /// Sets the help text: what the field is and where to find its value.
    #[must_use]
    pub fn help(mut self, help: &str) -> Self {
        self.help = help.into();
        self
    }

    /// Sets the https address of the provider's page about the field.
    #[must_use]
    pub fn help_url(mut self, url: &str) -> Self {
        self.help_url = Some(url.into());
        self
    }

    /// Sets a regular expression for the whole value. Check the prefix and the alphabet, but never the length.
    #[must_use]
    pub fn pattern(mut self, pattern: &str) -> Self {
        self.pattern = Some(pattern.into());
        self
    }

    fn new(name: &str, label: &str, kind: FieldKind) -> Self {
        Self {
            name: name.into(),
            label: label.into(),
            help: String::new(),
            help_url: None,
            kind,
            secret: false,
            required: true,
            choices: Vec::new(),
            pattern: None,
        }
    }
}

impl Oauth2Grant {
    /// Creates a grant without scopes, refresh tokens and revocation. The client authenticates with HTTP Basic.
    #[must_use]
    pub fn new(authorize_url: &str, token_url: &str) -> Self {
        Self {
            authorize_url: authorize_url.into(),
            token_url: token_url.into(),
            revocation_url: None,
            issuer: None,
            scopes: Vec::new(),
            authorize_parameters: Vec::new(),
            client_authentication: ClientAuthentication::Basic,
            refresh: RefreshTokens::None,
            idle_lifetime: None,
        }
    }

    /// Adds a scope to request.
    #[must_use]
    pub fn scope(mut self, scope: &str) -> Self {
        self.scopes.push(scope.into());
        self
    }

    /// Adds a parameter of the authorize URL that OAuth does not define.
    #[must_use]
    pub fn authorize_parameter(mut self, name: &str, value: &str) -> Self {
        self.authorize_parameters.push(Parameter { name: name.into(), value: value.into() });
        self
    }

    /// Sets the URL where the host revokes the grant (RFC 7009).
    #[must_use]
    pub fn revocation_url(mut self, url: &str) -> Self {
        self.revocation_url = Some(url.into());
        self
    }

    /// Sets the issuer that the host compares with `iss` (RFC 9207).
    #[must_use]
    pub fn issuer(mut self, issuer: &str) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// Authenticates the client in the body instead of with HTTP Basic.
    #[must_use]
    pub fn client_in_body(mut self) -> Self {
        self.client_authentication = ClientAuthentication::Body;
        self
    }

    /// Sets what happens to a refresh token when it is used.
    #[must_use]
    pub fn refresh(mut self, tokens: RefreshTokens) -> Self {
        self.refresh = tokens;
        self
    }

    /// Sets the seconds after which an unused refresh token expires.
    #[must_use]
    pub fn idle_lifetime(mut self, seconds: u32) -> Self {
        self.idle_lifetime = Some(seconds);
        self
    }
}

impl ServiceAccountGrant {
    /// Creates a grant. The token URL is also the audience of the assertion and the accepted `token_uri`.
    #[must_use]
    pub fn new(field: &str, token_url: &str) -> Self {
        Self {
            field: field.into(),
            token_url: token_url.into(),
            audience: token_url.into(),
            token_uris: vec![token_url.into()],
            universe_domains: Vec::new(),
        }
    }

    /// Accepts another `token_uri` in key files.
    #[must_use]
    pub fn token_uri(mut self, uri: &str) -> Self {
        self.token_uris.push(uri.into());
        self
    }

    /// Accepts another `universe_domain` in key files.
    #[must_use]
    pub fn universe_domain(mut self, domain: &str) -> Self {
        self.universe_domains.push(domain.into());
        self
    }
}
