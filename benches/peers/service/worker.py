"""A worker process: the switches that are its own by their names, and the webhooks of their jobs."""

import asyncio
import logging
import os
import signal
import socket
from contextlib import suppress

import uvloop
from redis.asyncio import Redis
from redis.exceptions import RedisError

from service import records
from service.backlog import LEASE_S, Backlog
from service.inventory import Inventory
from service.scripts import connect
from service.settings import Settings
from service.switch import Crew, SwitchAtWork
from service.webhooks import Webhooks

_OPENING_AT_ONCE = 32
_TOKENS_AT_ONCE = 256
_SWEEP_S = 10.0
_PAUSE_S = 1.0

_log = logging.getLogger(__name__)


def run(settings: Settings, inventory: Inventory, number: int) -> None:
    uvloop.run(_work(settings, inventory, number))


async def _work(settings: Settings, inventory: Inventory, number: int) -> None:
    redis = connect(settings.redis_url)
    webhooks = Webhooks(inventory, redis, number)
    backlog = Backlog(redis, number, f"{socket.gethostname()}:{os.getpid()}")
    crew = Crew(settings, inventory, backlog, webhooks.send, asyncio.Semaphore(_OPENING_AT_ONCE))
    worker = Worker(crew, webhooks, redis, number)
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    duties = [asyncio.create_task(duty) for duty in (worker.listen(), worker.keep_locks(), worker.sweep())]
    await stopping.wait()
    await _cancelled(duties)
    await worker.close()
    await webhooks.close()
    await redis.aclose()


class Worker:
    def __init__(self, crew: Crew, webhooks: Webhooks, redis: Redis, number: int) -> None:
        self._crew = crew
        self._webhooks = webhooks
        self._redis = redis
        self._number = number
        self._at_work: dict[str, SwitchAtWork] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def listen(self) -> None:
        """What the edge announces; what is lost on the way is found by the sweep."""
        listener = Redis.from_url(self._crew.settings.redis_url, socket_timeout=None)
        ready = records.ready(self._number)
        while True:
            try:
                popped = await listener.blmpop(0, 1, ready, direction="LEFT", count=_TOKENS_AT_ONCE)
            except (RedisError, OSError):
                await asyncio.sleep(_PAUSE_S)
                continue
            for token in popped[1]:
                kind, _, name = token.decode().partition(" ")
                if kind == "switch":
                    self._wake(name)
                else:
                    await self._webhooks.send_kept(name)

    async def keep_locks(self) -> None:
        while True:
            await asyncio.sleep(LEASE_S / 3)
            with suppress(RedisError):
                await self._renew()

    async def _renew(self) -> None:
        held = [name for name, at_work in self._at_work.items() if at_work.has_lock]
        for name in await self._crew.backlog.renew(held) if held else []:
            _log.warning("%s: the lock is somebody else's", name)
            if name in self._tasks:
                self._tasks[name].cancel()

    async def sweep(self) -> None:
        """First what an earlier process left, then what was announced and not heard."""
        await self._webhooks.begin()
        for name in await self._ours(records.UNSAVED):
            self._wake(name, is_unsaved=True)
        while True:
            with suppress(RedisError):
                for name in await self._ours(records.ANNOUNCED):
                    self._wake(name)
            await asyncio.sleep(_SWEEP_S)

    async def close(self) -> None:
        await _cancelled(list(self._tasks.values()))

    async def _ours(self, key: str) -> list[str]:
        names = [name.decode() for name in await self._redis.smembers(key)]
        workers = self._crew.settings.workers
        return [name for name in names if records.worker_of(name, workers) == self._number]

    def _wake(self, name: str, is_unsaved: bool = False) -> None:
        at_work = self._at_work.get(name)
        if at_work is None:
            at_work = self._at_work[name] = SwitchAtWork(self._crew, self._crew.inventory.switches[name])
        at_work.wake()
        if is_unsaved:
            at_work.is_unsaved()
        if name not in self._tasks:
            task = self._tasks[name] = asyncio.create_task(at_work.run(), name=name)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Its state goes with it: the next wake begins anew, from what is in Redis."""
        name = task.get_name()
        del self._tasks[name], self._at_work[name]
        if not task.cancelled() and task.exception() is not None:
            _log.error("%s: it broke", name, exc_info=task.exception())


async def _cancelled(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
