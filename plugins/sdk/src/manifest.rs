//! The manifest written as a table: one line for each field, each endpoint and each thing that the provider can do.

use crate::types::{
    Auth, Capabilities, Choice, ClientAuthentication, Endpoint, Field, FieldKind, Manifest, MappingFate, Oauth2Grant,
    Parameter, RefreshTokens, ServiceAccountGrant,
};

impl Manifest {
    /// Starts a manifest that asks for nothing; the version is `env!("CARGO_PKG_VERSION")` of the provider's crate.
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

    /// Says that one connects by an OAuth 2.0 authorization code.
    #[must_use]
    pub fn oauth2(mut self, grant: Oauth2Grant) -> Self {
        self.auth = Auth::Oauth2(grant);
        self
    }

    /// Says that access tokens are minted from a key file.
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

    /// Adds an endpoint that the provider calls; see [`endpoint`](crate::endpoint).
    #[must_use]
    pub fn endpoint(mut self, endpoint: Endpoint) -> Self {
        self.endpoints.push(endpoint);
        self
    }

    /// Says that `list_users` answers.
    #[must_use]
    pub fn lists_users(self) -> Self {
        self.can(Capabilities::USERS)
    }

    /// Says that the component exports `alerts`.
    #[must_use]
    pub fn takes_alerts(self) -> Self {
        self.can(Capabilities::ALERTS)
    }

    /// Says that one credential may open several accounts, so that `connect` may ask for a choice.
    #[must_use]
    pub fn has_accounts(self) -> Self {
        self.can(Capabilities::ACCOUNTS)
    }

    /// Says that the people's mappings go with the connection.
    #[must_use]
    pub fn clears_mappings(mut self) -> Self {
        self.on_disconnect = MappingFate::Clear;
        self
    }

    fn can(mut self, capability: Capabilities) -> Self {
        self.capabilities = self.capabilities | capability;
        self
    }
}

impl Field {
    /// Makes a required one-line input whose value is sealed and reaches no component.
    #[must_use]
    pub fn secret(name: &str, label: &str) -> Self {
        Self { secret: true, ..Self::new(name, label, FieldKind::Text) }
    }

    /// Makes a required one-line input.
    #[must_use]
    pub fn text(name: &str, label: &str) -> Self {
        Self::new(name, label, FieldKind::Text)
    }

    /// Makes a required input for an email address.
    #[must_use]
    pub fn email(name: &str, label: &str) -> Self {
        Self::new(name, label, FieldKind::Email)
    }

    /// Makes a required input for an https URL.
    #[must_use]
    pub fn url(name: &str, label: &str) -> Self {
        Self::new(name, label, FieldKind::Url)
    }

    /// Makes a required input for a JSON document that is sealed, such as a key file.
    #[must_use]
    pub fn secret_json(name: &str, label: &str) -> Self {
        Self { secret: true, ..Self::new(name, label, FieldKind::Json) }
    }

    /// Makes a required choice among values, each with its label.
    #[must_use]
    pub fn choice(name: &str, label: &str, choices: &[(&str, &str)]) -> Self {
        let choices = choices.iter().map(|&(value, label)| Choice { value: value.into(), label: label.into() });
        Self { choices: choices.collect(), ..Self::new(name, label, FieldKind::Choice) }
    }

    /// Makes the field one that may stay empty.
    #[must_use]
    pub fn optional(mut self) -> Self {
        self.required = false;
        self
    }

    /// Says what the field is and where to find it.
    #[must_use]
    pub fn help(mut self, help: &str) -> Self {
        self.help = help.into();
        self
    }

    /// Points to the provider's own page about it, https.
    #[must_use]
    pub fn help_url(mut self, url: &str) -> Self {
        self.help_url = Some(url.into());
        self
    }

    /// Gives the regular expression that the whole value matches: prefix and alphabet, never a length.
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
    /// Starts a grant without scopes, refresh tokens and revocation, whose client authenticates by HTTP Basic.
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

    /// Adds a scope to ask for.
    #[must_use]
    pub fn scope(mut self, scope: &str) -> Self {
        self.scopes.push(scope.into());
        self
    }

    /// Adds a parameter of the authorize URL that OAuth itself does not define.
    #[must_use]
    pub fn authorize_parameter(mut self, name: &str, value: &str) -> Self {
        self.authorize_parameters.push(Parameter { name: name.into(), value: value.into() });
        self
    }

    /// Says where the host revokes the grant (RFC 7009).
    #[must_use]
    pub fn revocation_url(mut self, url: &str) -> Self {
        self.revocation_url = Some(url.into());
        self
    }

    /// Gives the issuer to compare with `iss` (RFC 9207).
    #[must_use]
    pub fn issuer(mut self, issuer: &str) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// Says that the client authenticates in the body instead.
    #[must_use]
    pub fn client_in_body(mut self) -> Self {
        self.client_authentication = ClientAuthentication::Body;
        self
    }

    /// Says what becomes of a refresh token when it is used.
    #[must_use]
    pub fn refresh(mut self, tokens: RefreshTokens) -> Self {
        self.refresh = tokens;
        self
    }

    /// Gives the seconds after which an unused refresh token dies.
    #[must_use]
    pub fn idle_lifetime(mut self, seconds: u32) -> Self {
        self.idle_lifetime = Some(seconds);
        self
    }
}

impl ServiceAccountGrant {
    /// Starts a grant whose key file may name this token URL, and whose assertion is meant for it.
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

    /// Adds a value of `token_uri` that a key file may carry.
    #[must_use]
    pub fn token_uri(mut self, uri: &str) -> Self {
        self.token_uris.push(uri.into());
        self
    }

    /// Adds a value of `universe_domain` that a key file may carry.
    #[must_use]
    pub fn universe_domain(mut self, domain: &str) -> Self {
        self.universe_domains.push(domain.into());
        self
    }
}
