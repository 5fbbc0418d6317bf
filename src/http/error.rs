//! Every answer that is not a success, in one place: its status, its `detail`, and the headers that belong to it.

use super::fields::Fault;
use super::rate_limit::Allowance;
use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, RETRY_AFTER};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use switchyard_actors::domain::claim::Receipt;
use switchyard_actors::domain::ids::{JobId, SubscriptionId};
use switchyard_actors::provisioning::{CheckoutDenied, InstallDenied, Refused, Unavailable};

/// Why a request got no success. `Display` is the `detail`, except for faults, which are listed.
#[derive(Debug, thiserror::Error)]
pub(super) enum ApiError {
    #[error("Rate limit exceeded")]
    RateLimited(Allowance),
    #[error("Request body must not be longer than {limit_bytes} bytes")]
    BodyTooLarge { limit_bytes: usize },
    #[error("Request body did not arrive in time")]
    BodyTooSlow,
    #[error("Request body could not be read")]
    BodyBroken,
    #[error("X-Webhook-Secret header required")]
    SecretRequired,
    #[error("Invalid webhook secret")]
    SecretInvalid,
    #[error("X-API-Key header required")]
    KeyRequired,
    #[error("Invalid API key")]
    KeyInvalid,
    #[error("Request is not valid")]
    Invalid(Vec<Fault>),
    #[error(transparent)]
    Checkout(#[from] CheckoutDenied),
    #[error(transparent)]
    Install(#[from] InstallDenied),
    #[error("Job not found")]
    JobNotFound,
    #[error("Not Found")]
    NotFound,
    #[error("Method Not Allowed")]
    MethodNotAllowed { allow: &'static str },
    /// The reason is for the log; the client is told to come again.
    #[error("Service temporarily unavailable")]
    Unavailable(#[from] Unavailable),
    /// Only of `/readyz`: all else is still served.
    #[error("Service is stopping")]
    Stopping,
    #[error("Internal server error")]
    Broken,
}

impl From<Vec<Fault>> for ApiError {
    fn from(faults: Vec<Fault>) -> Self {
        Self::Invalid(faults)
    }
}

impl<D: std::error::Error + Into<ApiError>> From<Refused<D>> for ApiError {
    fn from(refused: Refused<D>) -> Self {
        match refused {
            Refused::Denied(denied) => denied.into(),
            Refused::Unavailable(why) => Self::Unavailable(why),
        }
    }
}

#[derive(Serialize)]
struct Detail<T: Serialize> {
    detail: T,
}

#[derive(Serialize)]
struct ReusedKey {
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    job_id: Option<JobId>,
    subscription_id: SubscriptionId,
}

impl ReusedKey {
    fn new(denied: CheckoutDenied, receipt: Receipt) -> Self {
        Self { detail: denied.to_string(), job_id: receipt.job(), subscription_id: receipt.subscription() }
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::RateLimited(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::BodyTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BodyTooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::BodyBroken => StatusCode::BAD_REQUEST,
            Self::SecretRequired | Self::SecretInvalid | Self::KeyRequired | Self::KeyInvalid => {
                StatusCode::UNAUTHORIZED
            }
            Self::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Checkout(denied) => status_of_checkout(*denied),
            Self::Install(denied) => status_of_install(*denied),
            Self::JobNotFound | Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::Unavailable(_) | Self::Stopping => StatusCode::SERVICE_UNAVAILABLE,
            Self::Broken => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        match self {
            Self::RateLimited(allowance) => {
                response.insert_header((RETRY_AFTER, allowance.retry_after_s));
            }
            Self::MethodNotAllowed { allow } => {
                response.insert_header((ALLOW, *allow));
            }
            _ => {}
        }
        match self {
            Self::Invalid(faults) => response.json(Detail { detail: faults }),
            Self::Checkout(denied @ CheckoutDenied::KeyReused(receipt)) => {
                response.json(ReusedKey::new(*denied, *receipt))
            }
            other => response.json(Detail { detail: other.to_string() }),
        }
    }
}

fn status_of_checkout(denied: CheckoutDenied) -> StatusCode {
    match denied {
        CheckoutDenied::LocationNotFound | CheckoutDenied::UnitNotFound | CheckoutDenied::PlanNotFound => {
            StatusCode::NOT_FOUND
        }
        CheckoutDenied::ForeignPlan => StatusCode::FORBIDDEN,
        CheckoutDenied::InactivePlan => StatusCode::BAD_REQUEST,
        CheckoutDenied::LocationTaken | CheckoutDenied::KeyReused(_) => StatusCode::CONFLICT,
    }
}

fn status_of_install(denied: InstallDenied) -> StatusCode {
    match denied {
        InstallDenied::SubscriptionNotFound | InstallDenied::LocationNotFound => StatusCode::NOT_FOUND,
        InstallDenied::LocationTaken | InstallDenied::NotPendingInstall { .. } => StatusCode::CONFLICT,
    }
}
