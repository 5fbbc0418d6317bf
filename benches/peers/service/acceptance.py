"""One checkout, from its parsed body to its answer: the contract's rows 7 to 11, in one round trip."""

import hmac
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import orjson

from service import events, records
from service.checkout import Checkout
from service.inventory import Inventory
from service.records import Job
from service.scripts import Script, Scripts

_ACCEPT = Script("accept")
_ACCEPT_HOME_DROP = Script("accept_home_drop")
_COUNT = Script("count")
_NO_SECRET = b"\0" * 32


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Counted:
    """An answer, and where its client stands within this minute."""

    answer: Answer
    count: int
    minute: int


def detail(status: int, said: Any) -> Answer:
    return Answer(status, orjson.dumps({"detail": said}))


_LIMITED = detail(429, "Rate limit exceeded")
_TAKEN = detail(409, "Location already has an active subscription")


class Desk:
    def __init__(self, inventory: Inventory, scripts: Scripts, per_minute: int, workers: int) -> None:
        self.per_minute = per_minute
        self._inventory = inventory
        self._scripts = scripts
        self._workers = workers

    def knows(self, partner: str, secret: bytes) -> bool:
        """In the same time whether or not there is such a partner."""
        known = self._inventory.partners.get(partner)
        is_right = hmac.compare_digest(known.secret if known else _NO_SECRET, secret)
        return is_right and known is not None

    def uncounted(self, answer: Answer) -> Counted:
        return Counted(answer, 0, _minute())

    async def count(self, client: str, answer: Answer) -> Counted:
        """For a request that is answered without the store."""
        minute = _minute()
        count, verdict = await self._scripts.call(_COUNT, [records.rate(client, minute)], [self.per_minute])
        return Counted(_LIMITED if verdict == b"limited" else answer, count, minute)

    async def accept(self, client: str, checkout: Checkout) -> Counted:
        minute = _minute()
        take = self._accept_home_drop if checkout.location is None else self._accept_direct
        return await take(records.rate(client, minute), minute, checkout)

    async def _accept_direct(self, rate: str, minute: int, checkout: Checkout) -> Counted:
        location = self._inventory.locations.get(checkout.location or "")
        refusal = self._refusal(checkout)
        job = Job(
            id=str(uuid4()),
            subscription=str(uuid4()),
            partner=checkout.partner,
            external_id=checkout.external_id,
            plan=checkout.plan,
            location=checkout.location or "",
            switch=location.switch if location else "",
            port=location.port if location else "",
            mac=checkout.mac,
        )
        accepted = _accepted("Provisioning started", job.subscription, job.id)
        keys = [
            rate,
            records.order(job.partner, job.external_id),
            records.hold(job.switch, job.port),
            records.job(job.id),
            records.queue(job.switch),
            records.ANNOUNCED,
            records.ready(records.worker_of(job.switch, self._workers)),
        ]
        arguments = [
            self.per_minute,
            refusal.body if refusal else b"",
            checkout.fingerprint,
            accepted.body,
            job.id,
            job.subscription,
            job.to_bytes(),
            job.switch,
        ]
        count, *verdict = await self._scripts.call(_ACCEPT, keys, arguments)
        return Counted(_judged(verdict, accepted, refusal), count, minute)

    async def _accept_home_drop(self, rate: str, minute: int, checkout: Checkout) -> Counted:
        refusal = self._refusal(checkout)
        subscription = str(uuid4())
        worker = records.worker_of(subscription, self._workers)
        event = events.pending_install(checkout.partner, checkout.external_id, subscription, checkout.unit or "")
        accepted = _accepted("Subscription pending installation.", subscription)
        keys = [
            rate,
            records.order(checkout.partner, checkout.external_id),
            records.outbox(worker),
            records.ready(worker),
        ]
        arguments = [
            self.per_minute,
            refusal.body if refusal else b"",
            checkout.fingerprint,
            accepted.body,
            subscription,
            event.id,
            event.to_bytes(),
        ]
        count, *verdict = await self._scripts.call(_ACCEPT_HOME_DROP, keys, arguments)
        return Counted(_judged(verdict, accepted, refusal), count, minute)

    def _refusal(self, checkout: Checkout) -> Answer | None:
        """Rows 8 to 10: what the inventory alone says no to."""
        if checkout.location is None:
            if checkout.unit not in self._inventory.units:
                return detail(404, "Unit not found for unit_id")
        else:
            location = self._inventory.locations.get(checkout.location)
            if location is None or (location.expires_at and location.expires_at <= datetime.now(UTC)):
                return detail(404, "Location not found for location_hash")
        plan = self._inventory.plans.get(checkout.plan)
        if plan is None:
            return detail(404, "Plan version not found")
        if plan.partner != checkout.partner:
            return detail(403, "Plan version belongs to a different provider")
        return None if plan.active else detail(400, "Plan version not active")


def _minute() -> int:
    return int(time.time() // 60)


def _accepted(message: str, subscription: str, job: str | None = None) -> Answer:
    ids = {"subscription_id": subscription} if job is None else {"job_id": job, "subscription_id": subscription}
    return Answer(200, orjson.dumps({**ids, "message": message}))


def _judged(verdict: list[Any], accepted: Answer, refusal: Answer | None) -> Answer:
    match verdict:
        case [b"accepted"]:
            return accepted
        case [b"replayed", answer]:
            return Answer(200, answer, replayed=True)
        case [b"reused", job, subscription]:
            return _reused(job, subscription)
        case [b"taken"]:
            return _TAKEN
        case [b"limited"]:
            return _LIMITED
    assert refusal is not None, verdict
    return refusal


def _reused(job: bytes | None, subscription: bytes) -> Answer:
    said = {"detail": "external_subscription_id was already used with a different request"}
    if job is not None:
        said["job_id"] = job.decode()
    return Answer(409, orjson.dumps({**said, "subscription_id": subscription.decode()}))
