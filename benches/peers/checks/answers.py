"""Sections 1.1 and 1.2: what is answered, in which order, with which headers."""

import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from checks import network
from checks.rows import row
from checks.world import Answer, Client, World, direct, home_drop

_PER_MINUTE = 120
_MACS = ["02:00:5E:10:00:0A", "02-00-5e-10-00-0b", "0200.5E10.000c", "02005e10000D"]


def _expect(answer: Answer, status: int, detail: Any) -> None:
    assert (answer.status, answer.body) == (status, {"detail": detail}), (answer.status, answer.body)


def _expect_faults(answer: Answer, *fields: str) -> None:
    """The validation shape, with one entry a fault; an empty field is the body as a whole."""
    assert answer.status == 422, (answer.status, answer.raw)
    faults = answer.detail
    assert all(set(fault) == {"loc", "msg", "type"} and fault["msg"] and fault["type"] for fault in faults), faults
    assert sorted(fault["loc"] for fault in faults) == sorted(["body", *filter(None, [f])] for f in fields), faults


@row("1.1", "200 direct: job_id, subscription_id and message, and no more")
async def direct_is_accepted(world: World, client: Client) -> None:
    answer = await client.checkout(direct("direct", world.location()))
    assert answer.status == 200 and not answer.is_replayed, answer
    assert answer.headers["content-type"].startswith("application/json"), answer
    ids = [answer.body[field] for field in ("job_id", "subscription_id")]
    assert [str(UUID(one)) for one in ids] == ids and ids[0] != ids[1], answer
    assert answer.body == {"job_id": ids[0], "subscription_id": ids[1], "message": "Provisioning started"}, answer


@row("1.1", "200 home_drop: a subscription_id and no job_id")
async def home_drop_is_accepted(world: World, client: Client) -> None:
    answer = await client.checkout(home_drop("home-drop"))
    assert answer.status == 200, answer
    subscription = answer.body["subscription_id"]
    expected = {"subscription_id": str(UUID(subscription)), "message": "Subscription pending installation."}
    assert answer.body == expected, answer


@row("1.1", "unknown fields, and those of the other mode, are ignored")
async def unknown_fields_are_ignored(world: World, client: Client) -> None:
    body = direct("unknown-fields", world.location(), coupon={"deep": [1, 2]}, unit_id="not a unit")
    assert (await client.checkout(body)).status == 200


@row("1.1", "a MAC in any of its four spellings becomes a static binding on the port")
async def macs_are_bound(world: World, client: Client) -> None:
    async def one(number: int, mac: str) -> None:
        location, order = world.location(), f"mac-{number}"
        assert (await client.checkout(direct(order, location, mac_address=mac))).status == 200, mac
        await world.receiver.event(order, "provisioning.completed")
        lines = await world.running_port(location)
        bound = {"switchport port-security", f"switchport port-security mac-address 0200.5e10.000{mac[-1].lower()}"}
        assert bound <= set(lines), lines

    await asyncio.gather(*(one(number, mac) for number, mac in enumerate(_MACS)))


@row("1.1", "422: multicast, broadcast, all-zero and malformed MACs")
async def bad_macs_are_refused(world: World, client: Client) -> None:
    for mac in ["01-00-5e-00-00-01", "FF:FF:FF:FF:FF:FF", "0000.0000.0000", "02:1a:2b:3c:4d", "02:1a-2b:3c:4d:5e"]:
        _expect_faults(await client.checkout(direct("bad-mac", "0000000000", mac_address=mac)), "mac_address")


@row("1.1 row 1", "429 beyond 120 requests a minute from one address, with Retry-After")
async def too_many_are_limited(world: World, client: Client) -> None:
    # Two windows may begin while this runs, so twice as many are let in at most.
    answers = [await client.checkout({}, secret=None) for _ in range(2 * _PER_MINUTE + 1)]
    statuses = [answer.status for answer in answers]
    assert 429 not in statuses[:_PER_MINUTE] and 429 in statuses, statuses
    limited = answers[statuses.index(429)]
    _expect(limited, 429, "Rate limit exceeded")
    assert int(limited.headers["retry-after"]) >= 1 and limited.headers["x-ratelimit-remaining"] == "0", limited


@row("1.1 row 2", "413 before all else: a body over 64 KiB")
async def long_bodies_are_refused(world: World, client: Client) -> None:
    assert (await client.post(b" " * (64 * 1024 + 1), secret=None)).status == 413
    body = json.dumps(direct("just-fits", world.location())).encode()
    assert (await client.post(body.ljust(64 * 1024))).status == 200


@row("1.1 row 3", "401 without a secret, whatever the body is")
async def a_secret_is_required(world: World, client: Client) -> None:
    for secret in (None, ""):
        _expect(await client.post(b"nonsense", secret), 401, "X-Webhook-Secret header required")


@row("1.1 row 4", "422 for what is not JSON, or names no usable partner")
async def a_partner_is_required(world: World, client: Client) -> None:
    for body in (b"", b"nonsense", b'{"a":1,}', b'{"a":"\xff"}', b"[]", b"null"):
        _expect_faults(await client.post(body), "")
    for partner in ({}, {"service_provider_document_id": None}, {"service_provider_document_id": "x"}):
        body = direct("no-partner", "not a hash")
        del body["service_provider_document_id"]
        _expect_faults(await client.checkout({**body, **partner}), "service_provider_document_id")


@row("1.1 row 5", "401 for a wrong secret, and the same for an unknown partner, before other faults")
async def a_secret_must_be_right(world: World, client: Client) -> None:
    body = direct("wrong-secret", "not a hash")
    stranger = {**body, "service_provider_document_id": network.STRANGER}
    for answer in (
        await client.checkout(body, "guess"),
        await client.checkout(body, network.OTHER.secret),
        await client.checkout(stranger),
    ):
        _expect(answer, 401, "Invalid webhook secret")


@row("1.1 row 6", "422 names all faults at once")
async def all_faults_are_named(world: World, client: Client) -> None:
    faulty = {"plan_version_id": 1, "location_hash": "x", "external_subscription_id": "", "mac_address": "x"}
    _expect_faults(await client.checkout(direct("", "", **faulty)), *faulty)
    alone = {"service_provider_document_id": network.PARTNER.id}
    _expect_faults(await client.checkout(alone), "plan_version_id", "location_hash", "external_subscription_id")
    _expect_faults(await client.checkout(home_drop("no-unit", unit_id=None)), "unit_id")
    _expect_faults(await client.checkout(direct("no-mode", "0000000000", delivery_mode="air")), "delivery_mode")


@row("1.1 row 6", "422 for an external id that is too long or holds a control character")
async def external_ids_have_limits(world: World, client: Client) -> None:
    for order in ("x" * 256, "order\n1", "order\x7f", "order\x85"):
        _expect_faults(await client.checkout(direct(order, "0000000000")), "external_subscription_id")
    assert (await client.checkout(direct("é" * 255, world.location()))).status == 200


@row("1.1 row 8", "404 for an unknown or expired location, an unknown unit, an unknown plan")
async def places_and_plans_must_be_known(world: World, client: Client) -> None:
    for location in (network.UNKNOWN_LOCATION, network.EXPIRED_LOCATION):
        _expect(await client.checkout(direct("unknown", location)), 404, "Location not found for location_hash")
    answer = await client.checkout(home_drop("unknown", unit_id=network.UNKNOWN_UNIT))
    _expect(answer, 404, "Unit not found for unit_id")
    answer = await client.checkout(direct("unknown", world.location(), plan_version_id=network.UNKNOWN_PLAN))
    _expect(answer, 404, "Plan version not found")


@row("1.1 row 9", "403 for another partner's plan, also where it is not active")
async def plans_must_be_the_partners(world: World, client: Client) -> None:
    for plan in (network.OTHERS_PLAN, network.OTHERS_INACTIVE_PLAN):
        answer = await client.checkout(direct("foreign", world.location(), plan_version_id=plan))
        _expect(answer, 403, "Plan version belongs to a different provider")


@row("1.1 row 10", "400 for a plan that is not active, also where the place is taken")
async def plans_must_be_active(world: World, client: Client) -> None:
    location = world.location()
    assert (await client.checkout(direct("active", location))).status == 200
    answer = await client.checkout(direct("inactive", location, plan_version_id=network.INACTIVE_PLAN))
    _expect(answer, 400, "Plan version not active")


@row("1.1 row 11", "409 where the place has a subscription, of whichever partner")
async def places_are_taken_once(world: World, client: Client) -> None:
    location = world.location()
    assert (await client.checkout(direct("first", location))).status == 200
    others = {"service_provider_document_id": network.OTHER.id, "plan_version_id": network.OTHERS_PLAN}
    for answer in (
        await client.checkout(direct("second", location)),
        await client.checkout(direct("second", location, **others), network.OTHER.secret),
    ):
        _expect(answer, 409, "Location already has an active subscription")


@row("1.2", "every response carries the rate limit's three headers, and they count down")
async def allowances_are_told(world: World, client: Client) -> None:
    answers = [
        await client.checkout(direct("allowance", world.location())),
        await client.checkout(direct("allowance", "0000000000"), "guess"),
        await client.checkout({}),
        await client.get("/readyz"),
        await client.get("/nowhere"),
    ]
    for answer in answers:
        assert answer.headers["x-ratelimit-limit"] == str(_PER_MINUTE), answer
        assert 0 <= int(answer.headers["x-ratelimit-remaining"]) <= _PER_MINUTE, answer
        assert abs(int(answer.headers["x-ratelimit-reset"]) - time.time()) <= 61, answer
    first, second = (int(answer.headers["x-ratelimit-remaining"]) for answer in answers[:2])
    # A new minute may begin in between.
    assert second < first or second == _PER_MINUTE - 1, (first, second)
    assert answers[4].status == 404 and "detail" in answers[4].body, answers[4]


@row("1.1 any row", "503 with Retry-After while the store is away; the same body is then accepted once", alone=True)
async def the_store_is_away(world: World, client: Client) -> None:
    body = direct("store-away", world.location())
    async with _frozen(world):
        away = await client.checkout(body)
        _expect(away, 503, "Service temporarily unavailable")
        assert int(away.headers["retry-after"]) >= 1, away
        assert (await client.get("/readyz")).status == 503
    answer = await _until_answered(lambda: client.checkout(body))
    again = await client.checkout(body)
    assert (again.raw, again.is_replayed) == (answer.raw, True), (answer, again)
    await world.receiver.event("store-away", "subscription.activated")
    assert len(world.receiver.of("store-away", "provisioning.completed")) == 1


@asynccontextmanager
async def _frozen(world: World) -> AsyncIterator[None]:
    os.kill(world.redis.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(world.redis.pid, signal.SIGCONT)


async def _until_answered(ask: Callable[[], Awaitable[Answer]]) -> Answer:
    """As a partner's client does it: a 503 is safe to try again."""
    while (answer := await ask()).status == 503:
        await asyncio.sleep(0.5)
    assert answer.status == 200, answer
    return answer
