"""One switch at work: its queue, its one session, and when it is saved.

asleep ──wake──▶ lock ──▶ take ──▶ visit ──▶ settle ──▶ take ...
                            │ nothing waits
                            └──▶ save ──▶ wait for more, with the session open ──▶ close, unlock
"""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

from redis.exceptions import RedisError

from service import ios
from service.backlog import Backlog, Settled
from service.dialog import SessionLost
from service.inventory import Inventory, Switch
from service.records import Event, Job
from service.session import Session
from service.settings import Settings
from service.visit import Outcome, Task, configure

_ATTEMPTS = 5
_FIRST_BACK_OFF_S = 1.0
_LONGEST_BACK_OFF_S = 30.0
_SAVE_LONGEST_WAIT_S = 30.0
_PAUSE_S = 1.0
_UNREACHABLE = "the switch could not be reached"

_log = logging.getLogger(__name__)
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Crew:
    """What all switches of a worker share."""

    settings: Settings
    inventory: Inventory
    backlog: Backlog
    send: Callable[[Event], None]
    opening: asyncio.Semaphore


class SwitchAtWork:
    def __init__(self, crew: Crew, switch: Switch) -> None:
        self._crew = crew
        self._switch = switch
        self._session: Session | None = None
        self._unsaved_since: float | None = None
        self._waked = asyncio.Event()
        self.has_lock = False

    def wake(self) -> None:
        self._waked.set()

    def is_unsaved(self) -> None:
        """By what an earlier process did."""
        self._unsaved_since = time.monotonic()

    async def run(self) -> None:
        """Until nothing came for the idle time; what Redis refuses is begun anew under the lock."""
        while self._waked.is_set():
            try:
                await self._hold_lock()
            except RedisError as error:
                _log.warning("%s: %s", self._switch.name, error)
                await asyncio.sleep(_PAUSE_S)
                self._waked.set()

    async def _hold_lock(self) -> None:
        name = self._switch.name
        while not await self._crew.backlog.lock(name):
            await asyncio.sleep(_PAUSE_S)
        self.has_lock = True
        try:
            await self._work()
        finally:
            self.has_lock = False
            self._drop_session()
            with suppress(RedisError):
                await self._crew.backlog.release(name)

    async def _work(self) -> None:
        while True:
            self._waked.clear()
            jobs = await self._crew.backlog.take(self._switch.name, self._crew.settings.visit_ports)
            if jobs:
                await self._visit(jobs)
            if self._must_save(nothing_waits=not jobs):
                await self._save()
            elif not jobs and not await self._is_waked_in_time():
                return

    async def _is_waked_in_time(self) -> bool:
        try:
            async with asyncio.timeout(self._crew.settings.idle_s):
                return await self._waked.wait()
        except TimeoutError:
            return self._waked.is_set()

    async def _visit(self, jobs: list[Job]) -> None:
        tasks = [self._task(job) for job in jobs]
        outcomes: list[Outcome] | None = await self._insist(lambda session: configure(session, tasks))
        if outcomes is None:
            outcomes = [_UNREACHABLE] * len(jobs)
        settled = [Settled.of(job, error) for job, error in zip(jobs, outcomes, strict=True)]
        await self._crew.backlog.settle(self._switch.name, settled)
        if None in outcomes and self._unsaved_since is None:
            self._unsaved_since = time.monotonic()
        for outcome in settled:
            for event in outcome.events:
                self._crew.send(event)

    def _task(self, job: Job) -> Task:
        plan = self._crew.inventory.plans[job.plan]
        return Task(job.port, ios.wanted(plan.vlan, plan.down_kbps, plan.up_kbps, job.mac))

    def _must_save(self, nothing_waits: bool) -> bool:
        if self._unsaved_since is None:
            return False
        return nothing_waits or time.monotonic() - self._unsaved_since > _SAVE_LONGEST_WAIT_S

    async def _save(self) -> None:
        """Once for all since the last one. What can't be saved now is tried again after the next visit."""
        self._unsaved_since = None
        if await self._insist(Session.save):
            await self._crew.backlog.saved(self._switch.name)
        else:
            _log.error("%s: the configuration is not saved", self._switch.name)

    async def _insist(self, work: Callable[[Session], Awaitable[_T]]) -> _T | None:
        """In as many sessions as it may take; nothing when the last of them broke, too."""
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return await work(await self._open_session())
            except SessionLost as error:
                _log.warning("%s, attempt %d: %s", self._switch.name, attempt, error)
                self._drop_session()
            if attempt < _ATTEMPTS:
                wait_s = min(_FIRST_BACK_OFF_S * 2 ** (attempt - 1), _LONGEST_BACK_OFF_S)
                await asyncio.sleep(wait_s * random.uniform(0.5, 1.0))
        return None

    async def _open_session(self) -> Session:
        if self._session is None:
            async with self._crew.opening:
                self._session = await Session.open(self._switch)
        return self._session

    def _drop_session(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None
