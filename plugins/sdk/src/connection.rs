//! Constructors for the arguments and results of a call: fields, outcomes and reports.

use crate::types::{
    Account, AlertTarget, ConnectOutcome, Connected, Connection, Disconnected, Error, FieldValue, Report, ReportValue,
    UpstreamFate,
};

impl Connection {
    /// Returns the value of a field that is not secret; `None` if it is empty.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        let field = self.fields.iter().find(|field| field.name == name)?;
        Some(field.value.as_str()).filter(|value| !value.is_empty())
    }

    /// Returns the value of a field that the call needs.
    ///
    /// # Errors
    ///
    /// `invalid` with the field's name if it has no value.
    pub fn required(&self, name: &str) -> Result<&str, Error> {
        self.field(name).ok_or_else(|| Error::invalid(name, "is required"))
    }

    /// Creates a connection with these names and values, for a test.
    #[must_use]
    pub fn of(fields: &[(&str, &str)]) -> Self {
        Self { fields: fields.iter().map(|&(name, value)| FieldValue::new(name, value)).collect(), account: None }
    }

    /// Sets the chosen account.
    #[must_use]
    pub fn with_account(mut self, id: &str) -> Self {
        self.account = Some(id.into());
        self
    }
}

impl FieldValue {
    /// Creates the value of a field.
    #[must_use]
    pub fn new(name: &str, value: &str) -> Self {
        Self { name: name.into(), value: value.into() }
    }
}

impl Connected {
    /// Creates the result for a valid credential about which nothing else is known.
    #[must_use]
    pub fn new() -> Self {
        Self { org_name: None, account: None, learned: Vec::new() }
    }

    /// Sets the provider's name of the organisation.
    #[must_use]
    pub fn org_name(mut self, name: impl Into<String>) -> Self {
        self.org_name = Some(name.into());
        self
    }

    /// Sets the id of the account that the credential belongs to.
    #[must_use]
    pub fn account(mut self, id: impl Into<String>) -> Self {
        self.account = Some(id.into());
        self
    }

    /// Fills in a field that the administrator left empty.
    #[must_use]
    pub fn learned(mut self, field: &str, value: &str) -> Self {
        self.learned.push(FieldValue::new(field, value));
        self
    }

    /// Fills in a field unless the administrator already did.
    #[must_use]
    pub fn learned_unless_typed(self, connection: &Connection, field: &str, value: &str) -> Self {
        if connection.field(field).is_some() { self } else { self.learned(field, value) }
    }
}

impl Default for Connected {
    fn default() -> Self {
        Self::new()
    }
}

impl From<Connected> for ConnectOutcome {
    fn from(connected: Connected) -> Self {
        Self::Connected(connected)
    }
}

impl From<Vec<Account>> for ConnectOutcome {
    fn from(accounts: Vec<Account>) -> Self {
        Self::Choose(accounts)
    }
}

impl Disconnected {
    /// Reports that the credential stays valid at the provider, with a note on what a person must do there.
    #[must_use]
    pub fn kept(note: &str) -> Self {
        Self::from(UpstreamFate::Kept).note(note)
    }

    /// Sets the note on what a person must still do at the provider, in one sentence.
    #[must_use]
    pub fn note(mut self, note: &str) -> Self {
        self.note = Some(note.into());
        self
    }
}

impl From<UpstreamFate> for Disconnected {
    fn from(upstream: UpstreamFate) -> Self {
        Self { upstream, note: None }
    }
}

impl AlertTarget {
    /// Creates a target with this address; `None` turns alerts off.
    #[must_use]
    pub fn new(webhook_url: Option<&str>) -> Self {
        Self { webhook_url: webhook_url.map(Into::into) }
    }
}

impl Report {
    /// Reports a text.
    #[must_use]
    pub fn text(name: &str, value: impl Into<String>) -> Self {
        Self { name: name.into(), value: ReportValue::Text(value.into()) }
    }

    /// Reports a finite number.
    #[must_use]
    pub fn number(name: &str, value: f64) -> Self {
        Self { name: name.into(), value: ReportValue::Number(value) }
    }

    /// Reports a boolean.
    #[must_use]
    pub fn flag(name: &str, value: bool) -> Self {
        Self { name: name.into(), value: ReportValue::Flag(value) }
    }

    /// Reports several texts.
    #[must_use]
    pub fn texts<S: Into<String>>(name: &str, values: impl IntoIterator<Item = S>) -> Self {
        Self { name: name.into(), value: ReportValue::Texts(values.into_iter().map(Into::into).collect()) }
    }
}
