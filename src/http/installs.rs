//! `POST /api/v1/subscription/{id}/confirm-install`: the technician has patched the port of a home drop.

use super::Edge;
use super::body::{self, parse_json};
use super::error::ApiError;
use super::fields::{Fault, Fields, hyphenated, location_hash};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use serde_json::Value;
use switchyard_actors::domain::ids::{JobId, SubscriptionId};
use switchyard_actors::domain::text::LocationHash;
use switchyard_actors::provisioning::{InstallDenied, InstallStarted};

pub(super) async fn confirm_install(
    edge: web::Data<Edge>,
    request: HttpRequest,
    id: web::Path<String>,
    payload: web::Payload,
) -> Result<HttpResponse, ApiError> {
    let partner = edge.partner_by_key(&request).await?;
    let body = body::read(&request, payload, &edge.settings).await?;
    let location = parse_install(&parse_json(&body)?)?;
    // An id that isn't one is no subscription's.
    let id = hyphenated(&id).map(SubscriptionId).ok_or(InstallDenied::SubscriptionNotFound)?;
    let started = edge.provisioning.confirm_install(partner, id, location).await?;
    Ok(HttpResponse::Accepted().json(InstallAnswer::from(started)))
}

fn parse_install(body: &Value) -> Result<LocationHash, Vec<Fault>> {
    let mut fields = Fields::of(body)?;
    let location = fields.required("location_hash", location_hash);
    fields.finish(location)
}

#[derive(Serialize)]
struct InstallAnswer {
    job_id: JobId,
    subscription_id: SubscriptionId,
    message: &'static str,
}

impl From<InstallStarted> for InstallAnswer {
    fn from(started: InstallStarted) -> Self {
        let InstallStarted { job, subscription } = started;
        Self { job_id: job, subscription_id: subscription, message: "Provisioning started" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_install_names_a_location_and_nothing_else_is_looked_at() {
        let hash = parse_install(&json!({"location_hash": "AB12CD34EF", "note": 1})).expect("valid");
        assert_eq!(hash.to_string(), "ab12cd34ef");
    }

    #[test]
    fn a_bad_install_gets_its_faults() {
        for (body, slug) in [
            (json!([]), "dict_type"),
            (json!({}), "missing"),
            (json!({"location_hash": null}), "string_type"),
            (json!({"location_hash": 1_234_567_890}), "string_type"),
            (json!({"location_hash": "ab12cd34e"}), "string_pattern_mismatch"),
            (json!({"location_hash": "ab12cd34eg"}), "string_pattern_mismatch"),
        ] {
            let faults = parse_install(&body).expect_err("bad");
            assert_eq!(faults.iter().map(|f| f.slug).collect::<Vec<_>>(), [slug], "{body}");
        }
    }
}
