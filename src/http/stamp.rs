//! What every response has in common: the rate-limit headers, a request id, a log line, that a panic is a 500, and that the
//! connection ends with it when the service is about to stop.
//!
//! A handler that counted the request has left its [`Decision`] with it. For all others (health, unknown routes, a
//! wrong method) the headers show the checkout allowance of the client's address, and nothing is counted.

use super::Edge;
use super::client_address::block_of;
use super::error::ApiError;
use super::rate_limit::{Allowance, Bucket, Decision};
use super::unread::{Unread, send_along};
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use actix_web::http::{ConnectionType, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, HttpResponse, ResponseError, web};
use futures_util::FutureExt;
use std::panic::AssertUnwindSafe;
use tracing::Instrument;
use uuid::Uuid;

const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

pub(super) async fn stamp<B: MessageBody + 'static>(
    edge: web::Data<Edge>,
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let id = Uuid::new_v4();
    let span = tracing::info_span!("request", %id, method = %request.method());
    let unserved = Bucket::Checkout(block_of(request.request(), &edge.settings.trusted_proxies));
    let unread = Unread::of(&mut request);
    // Called inside, so that a panic before the first poll is caught as well.
    let served = AssertUnwindSafe(async move { next.call(request).await }).catch_unwind();
    async {
        let (request, response, counted) = match served.await {
            Ok(Ok(response)) => {
                log(&response);
                let counted = response.request().extensions().get::<Decision>().copied();
                let (request, response) = response.into_parts();
                (Some(request), response.map_into_boxed_body(), counted)
            }
            Ok(Err(error)) => (None, error.error_response(), None),
            // What the panic said is in the panic hook's log line; the client learns nothing of it.
            Err(_panic) => (None, ApiError::Broken.error_response(), None),
        };
        let allowance = allowance(&edge, counted, unserved).await;
        let mut response = send_along(response, unread);
        write(&edge, id, allowance, &mut response);
        match request {
            Some(request) => Ok(ServiceResponse::new(request, response)),
            // The request is gone with the panic, so the response travels as an error.
            None => Err(InternalError::from_response("no request", response).into()),
        }
    }
    .instrument(span)
    .await
}

async fn allowance(edge: &Edge, counted: Option<Decision>, unserved: Bucket) -> Allowance {
    match counted {
        Some(decision) => decision.allowance(),
        None => edge.limiter.peek(unserved).await.allowance(),
    }
}

fn write(edge: &Edge, id: Uuid, allowance: Allowance, response: &mut HttpResponse) {
    let unavailable = response.status() == StatusCode::SERVICE_UNAVAILABLE;
    if edge.drain.has_begun() {
        response.head_mut().set_connection_type(ConnectionType::Close);
    }
    let headers = response.headers_mut();
    insert(headers, LIMIT, &allowance.limit.to_string());
    insert(headers, REMAINING, &allowance.remaining.to_string());
    insert(headers, RESET, &allowance.resets_at_s.to_string());
    insert(headers, REQUEST_ID, &id.to_string());
    if unavailable {
        insert(headers, RETRY_AFTER, &edge.settings.retry_after_ms.div_ceil(1_000).to_string());
    }
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    let value = HeaderValue::from_str(value).expect("numbers and UUIDs are visible ASCII");
    headers.insert(name, value);
}

/// The route's pattern, not the path: whatever a client mistook for a path stays out of the log.
fn log<B>(response: &ServiceResponse<B>) {
    let route = response.request().match_pattern().unwrap_or_else(|| "none".into());
    let status = response.status().as_u16();
    match response.response().error().and_then(|e| e.as_error::<ApiError>()) {
        Some(ApiError::Unavailable(why)) => tracing::warn!(route, status, %why, "answered"),
        _ => tracing::debug!(route, status, "answered"),
    }
}
