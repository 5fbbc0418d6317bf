//! The route table.

use super::error::ApiError;
use super::{checkout, health, installs, jobs};
use actix_web::{HttpRequest, HttpResponse, Resource, Route, guard, web};

/// Every endpoint. Whatever isn't here is a 404, and another method on what is here a 405.
pub(super) fn routes(app: &mut web::ServiceConfig) {
    app.service(get("/healthz", read().to(health::alive)))
        .service(get("/readyz", read().to(health::ready)))
        .service(post(
            "/api/v1/partner/external-checkout/anonymous-complete",
            web::post().to(checkout::anonymous_complete),
        ))
        .service(get("/api/v1/partner/provisioning/jobs/{job_id}", read().to(jobs::job)))
        .service(post("/api/v1/subscription/{id}/confirm-install", web::post().to(installs::confirm_install)))
        .default_service(web::to(not_found));
}

fn read() -> Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}

fn get(path: &'static str, route: Route) -> Resource {
    web::resource(path).route(route).default_service(web::to(|| not_allowed("GET, HEAD")))
}

fn post(path: &'static str, route: Route) -> Resource {
    web::resource(path).route(route).default_service(web::to(|| not_allowed("POST")))
}

async fn not_allowed(allow: &'static str) -> Result<HttpResponse, ApiError> {
    Err(ApiError::MethodNotAllowed { allow })
}

async fn not_found(_request: HttpRequest) -> Result<HttpResponse, ApiError> {
    Err(ApiError::NotFound)
}
