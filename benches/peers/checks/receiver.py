"""The partners' end of the webhooks: remembers everything, judges signatures, and answers badly on order."""

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from checks.network import OTHER, PARTNER

_SECRETS = {partner.id: partner.secret.encode() for partner in (PARTNER, OTHER)}

HANG_UP = 0
"""Instead of a status: the connection is closed without an answer."""


@dataclass(frozen=True, slots=True)
class Delivery:
    at: float
    headers: dict[str, str]
    raw: bytes
    body: dict[str, Any]

    @property
    def event(self) -> str:
        return str(self.body.get("event"))

    @property
    def order(self) -> str:
        return str(self.body.get("external_subscription_id"))

    def is_signed(self) -> bool:
        secret = _SECRETS[self.body["provider_document_id"]]
        signature = "sha256=" + hmac.new(secret, self.raw, hashlib.sha256).hexdigest()
        return hmac.compare_digest(signature, self.headers.get("x-webhook-signature", ""))


class Receiver:
    def __init__(self) -> None:
        self.deliveries: list[Delivery] = []
        self.requests_elsewhere = 0
        self._answers: dict[tuple[str, str], list[int]] = {}
        self._looks: dict[tuple[str, str], Callable[[], Awaitable[None]]] = {}
        self._changed = asyncio.Condition()
        self._runner: web.AppRunner | None = None

    async def start(self) -> str:
        app = web.Application()
        app.router.add_post("/hook", self._take)
        app.router.add_route("*", "/{elsewhere:.*}", self._take_elsewhere)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}/hook"

    async def stop(self) -> None:
        if self._runner:
            await self._runner.cleanup()

    def answer(self, order: str, event: str, *statuses: int) -> None:
        """The first requests with this event of this order get these statuses; all others get 200."""
        self._answers[order, event] = list(statuses)

    def look(self, order: str, event: str, look: Callable[[], Awaitable[None]]) -> None:
        """Done when the event arrives, before it is answered."""
        self._looks[order, event] = look

    def of(self, order: str, event: str | None = None) -> list[Delivery]:
        return [d for d in self.deliveries if d.order == order and event in (None, d.event)]

    async def until(self, what: str, is_so: Callable[[], bool], within_s: float = 30.0) -> None:
        async with self._changed:
            try:
                await asyncio.wait_for(self._changed.wait_for(is_so), within_s)
            except TimeoutError:
                raise AssertionError(f"not within {within_s} s: {what}") from None

    async def event(self, order: str, event: str, within_s: float = 30.0) -> Delivery:
        await self.until(f"{event} of {order}", lambda: bool(self.of(order, event)), within_s)
        return self.of(order, event)[0]

    async def _take(self, request: web.Request) -> web.Response:
        raw = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        delivery = Delivery(time.monotonic(), headers, raw, json.loads(raw))
        key = (delivery.order, delivery.event)
        if look := self._looks.pop(key, None):
            await look()
        async with self._changed:
            self.deliveries.append(delivery)
            self._changed.notify_all()
        ordered = self._answers.get(key)
        status = ordered.pop(0) if ordered else 200
        if status == HANG_UP and request.transport:
            request.transport.abort()
        return web.Response(status=status or 200, headers={"Location": "/elsewhere"} if 300 <= status < 400 else {})

    async def _take_elsewhere(self, _: web.Request) -> web.Response:
        self.requests_elsewhere += 1
        return web.Response()
