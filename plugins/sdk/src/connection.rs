//! What goes into a call and what comes out of it: fields, outcomes, reports.

use crate::types::{
    Account, AlertTarget, ConnectOutcome, Connected, Connection, Disconnected, Error, FieldValue, Report, ReportValue,
    UpstreamFate,
};

impl Connection {
    /// Finds the value of a field that is not secret; none where it is empty.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        let field = self.fields.iter().find(|field| field.name == name)?;
        Some(field.value.as_str()).filter(|value| !value.is_empty())
    }

    /// Gives the value of a field that a call cannot do without.
    ///
    /// # Errors
    ///
    /// `invalid` with the field's name where it has no value.
    pub fn required(&self, name: &str) -> Result<&str, Error> {
        self.field(name).ok_or_else(|| Error::invalid(name, "is needed"))
    }

    /// Makes a connection of names and values, as the host would.
    #[must_use]
    pub fn of(fields: &[(&str, &str)]) -> Self {
        Self { fields: fields.iter().map(|&(name, value)| FieldValue::new(name, value)).collect(), account: None }
    }

    /// Sets the account that was chosen.
    #[must_use]
    pub fn with_account(mut self, id: &str) -> Self {
        self.account = Some(id.into());
        self
    }
}

impl FieldValue {
    /// Pairs a field's name with its value.
    #[must_use]
    pub fn new(name: &str, value: &str) -> Self {
        Self { name: name.into(), value: value.into() }
    }
}

impl Connected {
    /// Starts with a credential that works and of which nothing more is known.
    #[must_use]
    pub fn new() -> Self {
        Self { org_name: None, account: None, learned: Vec::new() }
    }

    /// Says what the provider calls the organisation.
    #[must_use]
    pub fn org_name(mut self, name: impl Into<String>) -> Self {
        self.org_name = Some(name.into());
        self
    }

    /// Says which account the credential opens.
    #[must_use]
    pub fn account(mut self, id: impl Into<String>) -> Self {
        self.account = Some(id.into());
        self
    }

    /// Fills in a field that was left empty.
    #[must_use]
    pub fn learned(mut self, field: &str, value: &str) -> Self {
        self.learned.push(FieldValue::new(field, value));
        self
    }

    /// Fills in a field, unless somebody typed a value into it.
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
    /// Says that the credential stays good at the provider, and what a person still has to do there.
    #[must_use]
    pub fn kept(note: &str) -> Self {
        Self::from(UpstreamFate::Kept).note(note)
    }

    /// Adds what a person still has to do there, in one sentence.
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
    /// Says that alerts go to this address, or nowhere.
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

    /// Reports a yes or no.
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
