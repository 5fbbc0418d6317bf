"""The webhooks of the contract, as bodies."""

import time
from uuid import uuid4

import orjson

from service.records import Event, Job


def completed(job: Job) -> list[Event]:
    """A line that is live: its job's event and its subscription's."""
    return [
        _event(
            "provisioning.completed",
            job.partner,
            job.external_id,
            job_id=job.id,
            subscription_id=job.subscription,
        ),
        _event(
            "subscription.activated",
            job.partner,
            job.external_id,
            subscription_id=job.subscription,
            plan_version_id=job.plan,
            location_hash=job.location,
        ),
    ]


def failed(job: Job, error: str) -> Event:
    return _event(
        "provisioning.failed",
        job.partner,
        job.external_id,
        job_id=job.id,
        subscription_id=job.subscription,
        error=error,
    )


def pending_install(partner: str, external_id: str, subscription: str, unit: str) -> Event:
    return _event("subscription.pending_install", partner, external_id, subscription_id=subscription, unit_id=unit)


def _event(name: str, partner: str, external_id: str, **fields: str) -> Event:
    body = {
        "event": name,
        "provider_document_id": partner,
        "timestamp": time.time(),
        "external_subscription_id": external_id,
        **fields,
    }
    return Event(str(uuid4()), partner, orjson.dumps(body).decode())
