"""The HTTP edge. The order of the lines is that of the contract's checks; a 429 alone comes with the store's answer."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import orjson
from fastapi import FastAPI, Request, Response
from redis.exceptions import RedisError
from starlette.exceptions import HTTPException

from service.acceptance import Answer, Counted, Desk, detail
from service.checkout import Invalid, parse, parse_json, partner_of
from service.inventory import Inventory
from service.scripts import Scripts, connect
from service.settings import Settings

_LONGEST_BODY = 64 * 1024
_UNAVAILABLE = detail(503, "Service temporarily unavailable")
_READY = Answer(200, orjson.dumps({"status": "ready"}))


class _TooLong(Exception):
    pass


def application(settings: Settings, inventory: Inventory) -> FastAPI:
    redis = connect(settings.redis_url)
    desk = Desk(inventory, Scripts(redis), settings.checkouts_per_minute, settings.workers)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await redis.aclose()

    app = FastAPI(lifespan=lifespan, openapi_url=None, docs_url=None, redoc_url=None)

    @app.post("/api/v1/partner/external-checkout/anonymous-complete")
    async def anonymous_complete(request: Request) -> Response:
        client = request.client.host if request.client else ""
        try:
            counted = await _answer(desk, request, client)
        except RedisError:
            counted = desk.uncounted(_UNAVAILABLE)
        return _response(desk, counted)

    @app.get("/readyz")
    async def ready() -> Response:
        try:
            await redis.ping()
        except RedisError:
            return _response(desk, desk.uncounted(_UNAVAILABLE))
        return _response(desk, desk.uncounted(_READY))

    @app.exception_handler(HTTPException)
    async def unserved(_: Request, error: HTTPException) -> Response:
        return _response(desk, desk.uncounted(detail(error.status_code, error.detail)))

    return app


async def _answer(desk: Desk, request: Request, client: str) -> Counted:
    try:
        body = await _read(request)
    except _TooLong:
        return await desk.count(client, detail(413, f"Request body must not be longer than {_LONGEST_BODY} bytes"))
    secret = request.headers.get("x-webhook-secret")
    if not secret:
        return await desk.count(client, detail(401, "X-Webhook-Secret header required"))
    try:
        fields = parse_json(body)
        if not desk.knows(partner_of(fields), secret.encode("latin-1")):
            return await desk.count(client, detail(401, "Invalid webhook secret"))
        checkout = parse(fields)
    except Invalid as invalid:
        return await desk.count(client, detail(422, invalid.faults))
    return await desk.accept(client, checkout)


async def _read(request: Request) -> bytes:
    declared = request.headers.get("content-length", "0")
    if declared.isdecimal() and int(declared) > _LONGEST_BODY:
        raise _TooLong
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LONGEST_BODY:
            raise _TooLong
    return body


def _response(desk: Desk, counted: Counted) -> Response:
    answer = counted.answer
    resets_at = (counted.minute + 1) * 60
    headers = {
        "X-RateLimit-Limit": str(desk.per_minute),
        "X-RateLimit-Remaining": str(max(0, desk.per_minute - counted.count)),
        "X-RateLimit-Reset": str(resets_at),
    }
    if answer.replayed:
        headers["Idempotency-Replayed"] = "true"
    if answer.status == 503:
        headers["Retry-After"] = "2"
    if answer.status == 429:
        headers["Retry-After"] = str(max(1, resets_at - int(time.time())))
    return Response(answer.body, answer.status, headers, "application/json")
