//! One file for each resource: its handlers, the types of its requests and responses, and its OpenAPI descriptions.

pub(crate) mod accounts;
pub(crate) mod activity;
pub(crate) mod alerts;
pub(crate) mod audit;
pub(crate) mod connections;
pub(crate) mod console;
pub(crate) mod docs;
pub(crate) mod events;
pub(crate) mod health;
pub(crate) mod mappings;
pub(crate) mod matching;
pub(crate) mod oauth;
pub(crate) mod oidc;
pub(crate) mod openapi;
pub(crate) mod people;
pub(crate) mod provider_calls;
pub(crate) mod providers;
pub(crate) mod service;
pub(crate) mod session;
