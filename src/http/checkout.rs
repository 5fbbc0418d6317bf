//! `POST /api/v1/partner/external-checkout/anonymous-complete`. The order of the lines is the order of the checks.
//!
//! While the request is being counted, which may be asked elsewhere, its body is read and its partner looked up; but a
//! client that asks too often is told so at once, whatever came of the rest.

use super::admission::secret_of;
use super::body;
use super::checkout_request::{parse_checkout, parse_partner};
use super::error::ApiError;
use super::{Edge, body::parse_json};
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::future::{Either, select};
use serde::Serialize;
use serde_json::Value;
use std::pin::pin;
use switchyard_actors::domain::claim::Receipt;
use switchyard_actors::domain::ids::{JobId, SubscriptionId};
use switchyard_actors::provisioning::Accepted;

pub(super) async fn anonymous_complete(
    edge: web::Data<Edge>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, ApiError> {
    let admitted = pin!(edge.admit_checkout(&request));
    let read = pin!(read_authentic(&edge, &request, payload));
    let body = match select(admitted, read).await {
        Either::Left((admitted, read)) => {
            admitted?;
            read.await?
        }
        Either::Right((read, admitted)) => {
            admitted.await?;
            read?
        }
    };
    let accepted = edge.provisioning.complete_checkout(parse_checkout(&body)?).await?;
    Ok(answer(accepted))
}

/// The body, once its partner's secret has opened.
async fn read_authentic(
    edge: &Edge,
    request: &HttpRequest,
    payload: web::Payload,
) -> Result<Value, ApiError> {
    let body = body::read(request, payload, &edge.settings).await?;
    let secret = secret_of(request)?;
    let body = parse_json(&body)?;
    edge.authenticate(parse_partner(&body)?, secret).await?;
    Ok(body)
}

/// Made from the receipt alone, so a repeat has the first answer's bytes.
#[derive(Serialize)]
#[serde(untagged)]
enum CheckoutAnswer {
    Direct { job_id: JobId, subscription_id: SubscriptionId, message: &'static str },
    HomeDrop { subscription_id: SubscriptionId, message: &'static str },
}

impl From<Receipt> for CheckoutAnswer {
    fn from(receipt: Receipt) -> Self {
        match receipt {
            Receipt::Direct { job, subscription } => {
                Self::Direct { job_id: job, subscription_id: subscription, message: "Provisioning started" }
            }
            Receipt::HomeDrop { subscription } => Self::HomeDrop {
                subscription_id: subscription,
                message: "Subscription pending installation.",
            },
        }
    }
}

fn answer(accepted: Accepted) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    if accepted.replayed {
        response.insert_header(("Idempotency-Replayed", "true"));
    }
    response.json(CheckoutAnswer::from(accepted.receipt))
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::body::MessageBody;
    use uuid::Uuid;

    fn bytes(receipt: Receipt, replayed: bool) -> (String, bool) {
        let response = answer(Accepted { receipt, replayed });
        let replayed = response.headers().get("idempotency-replayed").is_some_and(|v| v == "true");
        let body = response.into_body().try_into_bytes().map_err(drop).expect("it is in memory");
        (String::from_utf8(body.to_vec()).expect("JSON is UTF-8"), replayed)
    }

    #[test]
    fn a_direct_checkout_is_answered_in_the_contracts_words_and_order() {
        let receipt = Receipt::Direct {
            job: JobId(Uuid::from_u128(1)),
            subscription: SubscriptionId(Uuid::from_u128(2)),
        };
        let expected = concat!(
            r#"{"job_id":"00000000-0000-0000-0000-000000000001","#,
            r#""subscription_id":"00000000-0000-0000-0000-000000000002","#,
            r#""message":"Provisioning started"}"#
        );
        assert_eq!(bytes(receipt, false), (expected.into(), false));
        assert_eq!(bytes(receipt, true), (expected.into(), true), "a replay differs in its header alone");
    }

    #[test]
    fn a_home_drop_is_answered_without_a_job() {
        let receipt = Receipt::HomeDrop { subscription: SubscriptionId(Uuid::from_u128(2)) };
        let expected = concat!(
            r#"{"subscription_id":"00000000-0000-0000-0000-000000000002","#,
            r#""message":"Subscription pending installation."}"#
        );
        assert_eq!(bytes(receipt, false), (expected.into(), false));
    }
}
