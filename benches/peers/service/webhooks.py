"""Events on their way to partners: signed, tried again, and at last buried. They are in Redis until one of both."""

import asyncio
import hashlib
import hmac
import logging
from collections.abc import Coroutine
from typing import Any

import aiohttp
from redis.asyncio import Redis
from redis.exceptions import RedisError

from service import records
from service.inventory import Inventory, Partner
from service.records import Event

_ATTEMPTS = 3
_FIRST_WAIT_S = 2.0
_DEADLINE_S = 15.0
_KEEP_ALIVE_S = 15.0
_AT_ONCE = 64
_FORGET_PAUSE_S = 0.05

_log = logging.getLogger(__name__)


class Webhooks:
    """Belongs to one worker and its event loop."""

    def __init__(self, inventory: Inventory, redis: Redis, worker: int) -> None:
        self._inventory = inventory
        self._redis = redis
        self._outbox = records.outbox(worker)
        self._dead = records.dead(worker)
        self._http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=_AT_ONCE, keepalive_timeout=_KEEP_ALIVE_S),
            timeout=aiohttp.ClientTimeout(total=_DEADLINE_S),
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=["Accept", "Accept-Encoding"],
            auto_decompress=False,
        )
        self._under_way: set[asyncio.Task[None]] = set()
        self._done: list[str] = []

    async def begin(self) -> None:
        """With what an earlier process left."""
        for kept in await self._redis.hvals(self._outbox):
            self.send(Event.from_bytes(kept))

    async def send_kept(self, event_id: str) -> None:
        """An event that another process put on record."""
        kept = await self._redis.hget(self._outbox, event_id)
        if kept is not None:
            self.send(Event.from_bytes(kept))

    def send(self, event: Event) -> None:
        self._start(self._deliver(event))

    async def close(self) -> None:
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
        await self._forget()
        await self._http.close()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _deliver(self, event: Event) -> None:
        partner = self._inventory.partners[event.partner]
        for attempt in range(1, _ATTEMPTS + 1):
            status = await self._attempt(partner, event, attempt)
            if 200 <= status < 300:
                return self._delivered(event.id)
            if 300 <= status < 500:
                break
            if attempt < _ATTEMPTS:
                await asyncio.sleep(_FIRST_WAIT_S * 2 ** (attempt - 1))
        await self._bury(event)
        return None

    async def _attempt(self, partner: Partner, event: Event, attempt: int) -> int:
        """The status, or 0 where there was no answer."""
        body = event.body.encode()
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "PeerService/1.0",
            "X-Webhook-Id": event.id,
            "X-Webhook-Attempt": str(attempt),
            "X-Webhook-Signature": "sha256=" + hmac.digest(partner.secret, body, hashlib.sha256).hex(),
        }
        try:
            async with self._http.post(
                partner.webhook_url, data=body, headers=headers, allow_redirects=False
            ) as answer:
                return answer.status
        except (aiohttp.ClientError, TimeoutError, OSError):
            return 0

    def _delivered(self, event_id: str) -> None:
        """Forgotten some at a time: until then a crash would send them once more, which partners must bear."""
        self._done.append(event_id)
        if len(self._done) == 1:
            self._start(self._forget_soon())

    async def _forget_soon(self) -> None:
        await asyncio.sleep(_FORGET_PAUSE_S)
        await self._forget()

    async def _forget(self) -> None:
        done, self._done = self._done, []
        try:
            if done:
                await self._redis.hdel(self._outbox, *done)
        except RedisError as error:
            _log.warning("%d delivered events will be sent once more: %s", len(done), error)

    async def _bury(self, event: Event) -> None:
        async with self._redis.pipeline(transaction=True) as pipeline:
            pipeline.hset(self._dead, event.id, event.to_bytes())
            pipeline.hdel(self._outbox, event.id)
            await pipeline.execute()
