//! Without a database: the egress policy and the way out, components that are refused.

mod egress_cases;
mod egress_signing;
mod egress_stand_in;
mod egress_way_out;
mod frozen_contract;
mod refused_components;
mod shipped_components;
