//! Answers the OpenAPI document, of this service and in general.

use std::sync::Arc;

use axum::{Extension, Json, extract::State};
use serde_json::{Value, json};

use crate::{ApiState, http::route::Route, openapi, operation::Operation};

/// `GET /api/openapi.json`: with the fields of each approved provider.
pub(crate) async fn show_whole(
    State(state): State<ApiState>,
    Extension(routes): Extension<Arc<[Route]>>,
) -> Json<Value> {
    Json(openapi::of_catalog(&routes, &state.catalog))
}

pub(crate) fn describe_show_whole() -> Operation {
    Operation::new("describe", "Description", "This document, with the fields of each provider")
        .description("Generated on each request from the plugins that are approved at that moment.")
        .json_with_schema(200, "The OpenAPI document.", document_schema(), document_example())
}

/// `GET /docs/openapi.json`: the same on every service of this version, so that it reveals nothing about this one.
pub(crate) async fn show_general(Extension(routes): Extension<Arc<[Route]>>) -> Json<Value> {
    Json(openapi::document(&routes, []))
}

pub(crate) fn describe_show_general() -> Operation {
    Operation::new("describe_in_general", "Description", "This document, without any provider")
        .description("The same on every service of this version, so that it reveals nothing about this one.")
        .json_with_schema(200, "The OpenAPI document.", document_schema(), document_example())
}

fn document_schema() -> Value {
    json!({ "type": "object", "description": "An OpenAPI 3.1 document." })
}

fn document_example() -> Value {
    json!({ "openapi": "3.1.1", "info": { "title": "Jackfield", "version": "0.1.0" }, "paths": {} })
}
