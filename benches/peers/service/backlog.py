"""What waits for a switch, and what came of it, in Redis: each call is a script, fenced by the switch's lock."""

from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis

from service import events, records
from service.records import Event, Job
from service.scripts import Script, Scripts

LEASE_S = 30.0

_LOCK = Script("lock")
_RENEW = Script("renew")
_TAKE = Script("take")
_SETTLE = Script("settle")
_RELEASE = Script("release")


@dataclass(frozen=True, slots=True)
class Settled:
    job: Job
    error: str | None
    events: list[Event]

    @classmethod
    def of(cls, job: Job, error: str | None) -> "Settled":
        return cls(job, error, events.completed(job) if error is None else [events.failed(job, error)])


class Backlog:
    """Of one worker."""

    def __init__(self, redis: Redis, worker: int, owner: str) -> None:
        self._redis = redis
        self._scripts = Scripts(redis)
        self._outbox = records.outbox(worker)
        self._owner = owner

    async def lock(self, switch: str) -> bool:
        keys = [records.lock(switch), records.queue(switch), records.running(switch)]
        return bool(await self._scripts.call(_LOCK, keys, [self._owner, int(LEASE_S * 1000)]))

    async def renew(self, switches: list[str]) -> list[str]:
        """Those that are lost."""
        keys = [records.lock(switch) for switch in switches]
        lost = await self._scripts.call(_RENEW, keys, [self._owner, int(LEASE_S * 1000)])
        return [switches[place - 1] for place in lost]

    async def take(self, switch: str, at_most: int) -> list[Job]:
        keys = [records.lock(switch), records.queue(switch), records.running(switch), records.ANNOUNCED]
        jobs = await self._scripts.call(_TAKE, keys, [self._owner, at_most, switch])
        return [Job.from_bytes(job) for job in jobs]

    async def settle(self, switch: str, outcomes: list[Settled]) -> None:
        keys = [records.lock(switch), records.running(switch), self._outbox, records.UNSAVED]
        arguments: list[Any] = [self._owner, switch]
        for outcome in outcomes:
            job = outcome.job
            keys += [records.job(job.id), records.hold(switch, job.port)]
            status = "completed" if outcome.error is None else "failed"
            arguments += [job.to_bytes(), status, job.subscription, len(outcome.events)]
            for event in outcome.events:
                arguments += [event.id, event.to_bytes()]
        await self._scripts.call(_SETTLE, keys, arguments)

    async def saved(self, switch: str) -> None:
        await self._redis.srem(records.UNSAVED, switch)

    async def release(self, switch: str) -> None:
        await self._scripts.call(_RELEASE, [records.lock(switch)], [self._owner])
