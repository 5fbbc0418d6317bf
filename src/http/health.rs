//! `/healthz`: the process serves. `/readyz`: it can accept, because the store answers and it is not about to stop.

use super::Edge;
use super::error::ApiError;
use actix_web::{HttpResponse, web};
use serde::Serialize;

#[derive(Serialize)]
struct Health {
    status: &'static str,
}

pub(super) async fn alive() -> HttpResponse {
    HttpResponse::Ok().json(Health { status: "ok" })
}

pub(super) async fn ready(edge: web::Data<Edge>) -> Result<HttpResponse, ApiError> {
    if edge.drain.has_begun() {
        return Err(ApiError::Stopping);
    }
    edge.provisioning.ready().await?;
    Ok(HttpResponse::Ok().json(Health { status: "ready" }))
}
