//! Tests without a database: signed requests, the frozen contract, components that are rejected.

mod egress_signing;
mod frozen_contract;
mod rejected_components;
mod shipped_components;
