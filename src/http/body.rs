//! Reads a request's body: no longer and no slower than allowed, and as JSON.
//!
//! The content type isn't looked at: the endpoints know one format only, and clients that forget the header are many.
//! JSON is read strictly: UTF-8 without a byte order mark, one value, nesting of at most 128 levels. Of a key that
//! stands twice in an object the last one counts, as in most readers.

use super::Settings;
use super::error::ApiError;
use super::fields::Fault;
use actix_web::http::header::CONTENT_LENGTH;
use actix_web::{HttpRequest, web};
use futures_util::StreamExt;
use serde_json::Value;
use std::time::Duration;

/// Reads the body as JSON text, not parsed yet.
pub(super) async fn read(
    request: &HttpRequest,
    payload: web::Payload,
    settings: &Settings,
) -> Result<web::BytesMut, ApiError> {
    let limit_bytes = settings.max_body_bytes;
    if declared_bytes(request).is_some_and(|declared| declared > limit_bytes as u64) {
        return Err(ApiError::BodyTooLarge { limit_bytes });
    }
    let time_limit = Duration::from_millis(settings.body_timeout_ms);
    tokio::time::timeout(time_limit, collect(payload, limit_bytes))
        .await
        .map_err(|_| ApiError::BodyTooSlow)?
}

fn declared_bytes(request: &HttpRequest) -> Option<u64> {
    request.headers().get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

async fn collect(mut payload: web::Payload, limit_bytes: usize) -> Result<web::BytesMut, ApiError> {
    let mut body = web::BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| ApiError::BodyBroken)?;
        if body.len() + chunk.len() > limit_bytes {
            return Err(ApiError::BodyTooLarge { limit_bytes });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Parses JSON.
///
/// # Errors
/// One fault, `json_invalid`.
pub fn parse_json(body: &[u8]) -> Result<Value, Vec<Fault>> {
    serde_json::from_slice(body).map_err(|error| {
        // The parser's text names a place, never the text that stands there.
        vec![Fault::of_body("json_invalid", format!("Request body is not valid JSON: {error}"))]
    })
}
