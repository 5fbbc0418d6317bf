"""What is kept in Redis, and under which keys."""

from dataclasses import dataclass
from zlib import crc32

import orjson

ANNOUNCED = "announced"
UNSAVED = "unsaved"


def rate(client: str, minute: int) -> str:
    return f"rate:{client}:{minute}"


def order(partner: str, external_id: str) -> str:
    return f"order:{partner}:{external_id}"


def hold(switch: str, port: str) -> str:
    return f"hold:{switch}:{port}"


def job(job_id: str) -> str:
    return f"job:{job_id}"


def queue(switch: str) -> str:
    return f"queue:{switch}"


def running(switch: str) -> str:
    return f"running:{switch}"


def lock(switch: str) -> str:
    return f"lock:{switch}"


def ready(worker: int) -> str:
    return f"ready:{worker}"


def outbox(worker: int) -> str:
    return f"outbox:{worker}"


def dead(worker: int) -> str:
    return f"dead:{worker}"


def worker_of(name: str, workers: int) -> int:
    return crc32(name.encode()) % workers


@dataclass(frozen=True, slots=True)
class Job:
    id: str
    subscription: str
    partner: str
    external_id: str
    plan: str
    location: str
    switch: str
    port: str
    mac: str | None

    def to_bytes(self) -> bytes:
        return orjson.dumps(self)

    @staticmethod
    def from_bytes(kept: bytes) -> "Job":
        return Job(**orjson.loads(kept))


@dataclass(frozen=True, slots=True)
class Event:
    """The body is made once: a repeat has the first attempt's bytes."""

    id: str
    partner: str
    body: str

    def to_bytes(self) -> bytes:
        return orjson.dumps(self)

    @staticmethod
    def from_bytes(kept: bytes) -> "Event":
        return Event(**orjson.loads(kept))
