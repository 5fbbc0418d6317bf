//! What clients are answered, as the edge would put it: the status and the bytes of the contract.

use serde_json::{Value, json};
use switchyard_actors::domain::claim::Receipt;
use switchyard_actors::provisioning::{Accepted, CheckoutDenied, InstallDenied, InstallStarted, Refused};

use crate::checker::history::{Answer, Reply};
use crate::checker::moment::Moment;

fn answer(at: Moment, status: u16, replayed: bool, body: &Value) -> Reply {
    Reply::Answer(Answer { at, status, body: body.to_string().into_bytes(), replayed })
}

fn unavailable(at: Moment) -> Reply {
    answer(at, 503, false, &json!({ "detail": "Service temporarily unavailable" }))
}

fn ids(receipt: Receipt, named: &str, text: &str) -> Value {
    match receipt {
        Receipt::Direct { job, subscription } => {
            json!({ "job_id": job, "subscription_id": subscription, named: text })
        }
        Receipt::HomeDrop { subscription } => json!({ "subscription_id": subscription, named: text }),
    }
}

pub fn checkout_reply(at: Moment, asked: Result<Accepted, Refused<CheckoutDenied>>) -> Reply {
    match asked {
        Ok(accepted) => answer(at, 200, accepted.replayed, &ids(accepted.receipt, "message", "Taken")),
        Err(Refused::Unavailable(_)) => unavailable(at),
        Err(Refused::Denied(denied)) => {
            let detail = denied.to_string();
            let (status, body) = match denied {
                CheckoutDenied::KeyReused(receipt) => (409, ids(receipt, "detail", &detail)),
                CheckoutDenied::LocationTaken => (409, json!({ "detail": detail })),
                CheckoutDenied::ForeignPlan => (403, json!({ "detail": detail })),
                CheckoutDenied::InactivePlan => (400, json!({ "detail": detail })),
                CheckoutDenied::LocationNotFound
                | CheckoutDenied::UnitNotFound
                | CheckoutDenied::PlanNotFound => (404, json!({ "detail": detail })),
            };
            answer(at, status, false, &body)
        }
    }
}

pub fn install_reply(at: Moment, asked: Result<InstallStarted, Refused<InstallDenied>>) -> Reply {
    match asked {
        Ok(InstallStarted { job, subscription }) => {
            answer(at, 202, false, &json!({ "job_id": job, "subscription_id": subscription }))
        }
        Err(Refused::Unavailable(_)) => unavailable(at),
        Err(Refused::Denied(denied)) => {
            let status = match denied {
                InstallDenied::SubscriptionNotFound | InstallDenied::LocationNotFound => 404,
                InstallDenied::LocationTaken | InstallDenied::NotPendingInstall { .. } => 409,
            };
            answer(at, status, false, &json!({ "detail": denied.to_string() }))
        }
    }
}

/// Whether asking again may help.
pub fn is_settled(reply: &Reply) -> bool {
    reply.answer().is_some_and(|answer| answer.status < 500)
}
