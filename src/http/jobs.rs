//! `GET /api/v1/partner/provisioning/jobs/{job_id}`: how far a job has come.

use super::Edge;
use super::error::ApiError;
use super::fields::hyphenated;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use switchyard_actors::domain::ids::{JobId, SubscriptionId};
use switchyard_actors::domain::job::{JobKind, JobState};
use switchyard_actors::domain::record::JobRecord;
use switchyard_actors::domain::text::ExternalSubscriptionId;
use switchyard_actors::domain::time::UnixMillis;
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::{datetime, format_description};

/// RFC 3339 in UTC, always with three digits of a second, so that texts sort as moments do.
const RFC_3339: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
const LATEST: OffsetDateTime = datetime!(9999-12-31 23:59:59.999 UTC);

pub(super) async fn job(
    edge: web::Data<Edge>,
    request: HttpRequest,
    id: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let partner = edge.partner_by_key(&request).await?;
    // An id that isn't one is no job's.
    let id = hyphenated(&id).map(JobId).ok_or(ApiError::JobNotFound)?;
    let job = edge.provisioning.job(partner, id).await?.ok_or(ApiError::JobNotFound)?;
    Ok(HttpResponse::Ok().json(JobAnswer::from(job)))
}

#[derive(Serialize)]
struct JobAnswer {
    job_id: JobId,
    subscription_id: SubscriptionId,
    external_subscription_id: ExternalSubscriptionId,
    kind: JobKind,
    status: &'static str,
    /// Begun, the present one included.
    attempts: u32,
    error: Option<&'static str>,
    created_at: String,
    started_at: Option<String>,
    /// When it came to its outcome, a failure as well.
    completed_at: Option<String>,
}

impl From<JobRecord> for JobAnswer {
    fn from(job: JobRecord) -> Self {
        let (status, attempts, error, completed_at) = match job.state {
            JobState::Queued { failed_attempts, .. } => ("queued", failed_attempts, None, None),
            JobState::Running { failed_attempts, .. } => ("running", failed_attempts + 1, None, None),
            JobState::Completed { at, attempts } => ("completed", attempts, None, Some(at)),
            JobState::Failed { at, attempts, reason } => {
                ("failed", attempts, Some(reason.for_partner()), Some(at))
            }
        };
        Self {
            job_id: job.id,
            subscription_id: job.subscription,
            external_subscription_id: job.key.external,
            kind: job.kind,
            status,
            attempts,
            error,
            created_at: rfc_3339(job.created_at),
            started_at: job.started_at.map(rfc_3339),
            completed_at: completed_at.map(rfc_3339),
        }
    }
}

/// A moment beyond the year 9999, which the format can't write, is shown as that year's last.
fn rfc_3339(at: UnixMillis) -> String {
    let moment = OffsetDateTime::from_unix_timestamp_nanos(i128::from(at.0) * 1_000_000).unwrap_or(LATEST);
    moment.min(LATEST).format(RFC_3339).expect("every moment up to the year 9999 has these parts")
}

#[cfg(test)]
mod tests {
    use super::*;
    use switchyard_actors::domain::config::VlanId;
    use switchyard_actors::domain::failure::{DriverFailure, FailureClass, FailureReason};
    use switchyard_actors::domain::ids::{LeaseEpoch, PartnerId, PortName, PortRef, SwitchId};
    use switchyard_actors::domain::record::PortPlan;
    use switchyard_actors::domain::request::CheckoutKey;
    use uuid::Uuid;

    fn record(state: JobState) -> JobRecord {
        JobRecord {
            id: JobId(Uuid::from_u128(1)),
            kind: JobKind::ChangePlan,
            subscription: SubscriptionId(Uuid::from_u128(2)),
            key: CheckoutKey {
                partner: PartnerId(Uuid::nil()),
                external: ExternalSubscriptionId::parse("order-1").expect("valid"),
            },
            port: PortRef {
                switch: SwitchId::parse("sw").expect("valid"),
                port: PortName::parse("Et7").expect("valid"),
            },
            plan: PortPlan { vlan: VlanId::try_from(7).expect("valid"), down_kbps: 1, up_kbps: 1, mac: None },
            state,
            created_at: UnixMillis(1_700_000_000_000),
            started_at: Some(UnixMillis(1_700_000_000_050)),
        }
    }

    fn shown(state: JobState) -> String {
        serde_json::to_string(&JobAnswer::from(record(state))).expect("plain data")
    }

    #[test]
    fn a_completed_job_shows_every_field_in_order_and_neither_port_nor_switch() {
        let expected = concat!(
            r#"{"job_id":"00000000-0000-0000-0000-000000000001","#,
            r#""subscription_id":"00000000-0000-0000-0000-000000000002","#,
            r#""external_subscription_id":"order-1","kind":"change_plan","status":"completed","attempts":2,"#,
            r#""error":null,"created_at":"2023-11-14T22:13:20.000Z","started_at":"2023-11-14T22:13:20.050Z","#,
            r#""completed_at":"2023-11-14T22:13:21.000Z"}"#
        );
        let state = JobState::Completed { at: UnixMillis(1_700_000_001_000), attempts: 2 };
        assert_eq!(shown(state), expected);
    }

    #[test]
    fn a_failed_job_tells_the_partners_sentence_and_not_the_operators() {
        let failure = DriverFailure::new(FailureClass::Unreachable, "10.0.0.7:22 refused");
        let reason = FailureReason::Driver(failure);
        let wanted = format!(r#""error":"{}""#, reason.for_partner());
        let text = shown(JobState::Failed { at: UnixMillis(0), attempts: 5, reason });
        assert!(text.contains(&wanted) && text.contains(r#""status":"failed""#), "{text}");
        assert!(text.contains(r#""completed_at":"1970-01-01T00:00:00.000Z""#), "{text}");
        assert!(!text.contains("10.0.0.7"), "{text}");
    }

    #[test]
    fn a_running_job_counts_the_attempt_that_is_under_way() {
        let queued = shown(JobState::Queued {
            failed_attempts: 1,
            spent_millis: 0,
            panics: 0,
            not_before: UnixMillis(0),
        });
        assert!(queued.contains(r#""status":"queued","attempts":1,"error":null"#), "{queued}");
        let running =
            shown(JobState::Running { failed_attempts: 1, spent_millis: 0, panics: 0, lease: LeaseEpoch(1) });
        assert!(running.contains(r#""status":"running","attempts":2,"error":null"#), "{running}");
        assert!(running.contains(r#""completed_at":null"#), "{running}");
    }

    #[test]
    fn a_moment_that_no_calendar_has_does_not_panic() {
        assert_eq!(rfc_3339(UnixMillis(u64::MAX)), "9999-12-31T23:59:59.999Z");
    }
}
