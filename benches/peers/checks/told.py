"""Section 1.4: what partners are told, when, and how often."""

import asyncio
import re
from collections import Counter
from functools import partial
from itertools import pairwise

from checks import network
from checks.receiver import HANG_UP, Delivery
from checks.rows import row
from checks.world import Client, World, direct, home_drop

_RETRIES_S = 90.0


def _expect_fields(delivery: Delivery, order: str, fields: dict[str, object]) -> None:
    """Those of its event, and what every event carries."""
    body = dict(delivery.body)
    assert isinstance(body.pop("timestamp"), float), delivery
    expected = {"event": delivery.event, "provider_document_id": network.PARTNER.id, "external_subscription_id": order}
    assert body == expected | fields, delivery


@row("1.4", "completed and activated, once each, with the contract's fields")
async def a_live_line_is_told(world: World, client: Client) -> None:
    location = world.location()
    ids = (await client.checkout(direct("told", location))).body
    completed = await world.receiver.event("told", "provisioning.completed")
    activated = await world.receiver.event("told", "subscription.activated")
    subscription = {"subscription_id": ids["subscription_id"]}
    _expect_fields(completed, "told", {"job_id": ids["job_id"], **subscription})
    _expect_fields(activated, "told", {**subscription, "plan_version_id": network.PLAN, "location_hash": location})
    assert len(world.receiver.of("told")) == 2, world.receiver.of("told")


@row("1.4", "when completed arrives the port is live on the switch: VLAN, speeds, not shut down")
async def completed_is_true(world: World, client: Client) -> None:
    location, seen = world.location(), asyncio.get_running_loop().create_future()

    async def look() -> None:
        seen.set_result(await world.running_port(location))

    assert not any("vlan" in line for line in await world.running_port(location)), "it is live before it is ordered"
    world.receiver.look("truth", "provisioning.completed", look)
    assert (await client.checkout(direct("truth", location))).status == 200
    lines = set(await asyncio.wait_for(seen, 30))
    live = {
        f"switchport access vlan {network.VLAN}",
        "switchport mode access",
        f"service-policy input SY-{network.UP_KBPS}K",
        f"service-policy output SY-{network.DOWN_KBPS}K",
    }
    assert live <= lines and "shutdown" not in lines, lines


@row("1.4", "24 orders for one switch at once: each is told once, and each port is as ordered")
async def many_at_once_are_told(world: World, client: Client) -> None:
    places = {f"crowd-{place}": place for place in world.locations_of_the_last_switch()}
    plans = [network.PLAN, network.SECOND_PLAN]
    bodies = [direct(order, place, plan_version_id=plans[int(place, 16) % 2]) for order, place in places.items()]
    answers = await asyncio.gather(*(client.checkout(body) for body in bodies))
    assert {answer.status for answer in answers} == {200}, answers
    for order, place in places.items():
        # Which of the two comes first isn't promised.
        for event in ("provisioning.completed", "subscription.activated"):
            await world.receiver.event(order, event)
            assert len(world.receiver.of(order, event)) == 1, order
        lines = await world.running_port(place)
        assert f"switchport access vlan {network.VLAN + int(place, 16) % 2}" in lines, lines


@row("1.4", "signature over the raw body, id, attempt, content type, user agent")
async def events_are_signed(world: World, client: Client) -> None:
    await client.checkout(direct("signed", world.location()))
    deliveries = [
        await world.receiver.event("signed", event) for event in ("provisioning.completed", "subscription.activated")
    ]
    for delivery in deliveries:
        assert delivery.is_signed(), delivery
        assert delivery.headers["content-type"] == "application/json", delivery.headers
        assert delivery.headers["x-webhook-attempt"] == "1", delivery.headers
        assert re.fullmatch(r"\S+/\S+.*", delivery.headers["user-agent"]), delivery.headers
    assert len({delivery.headers["x-webhook-id"] for delivery in deliveries}) == 2


@row("1.4", "pending_install for a home-drop, and no more")
async def a_home_drop_is_told(world: World, client: Client) -> None:
    ids = (await client.checkout(home_drop("drop-told"))).body
    told = await world.receiver.event("drop-told", "subscription.pending_install")
    _expect_fields(told, "drop-told", {"subscription_id": ids["subscription_id"], "unit_id": network.UNIT})
    assert told.is_signed() and len(world.receiver.of("drop-told")) == 1


async def _expect_failure(world: World, client: Client, order: str, location: str) -> None:
    first = await client.checkout(direct(order, location))
    assert first.status == 200, first
    failed = await world.receiver.event(order, "provisioning.failed", _RETRIES_S)
    error = failed.body["error"]
    ids = {field: first.body[field] for field in ("job_id", "subscription_id")}
    _expect_fields(failed, order, {**ids, "error": error})
    assert isinstance(error, str) and error and "admin" not in error and "127." not in error, error
    assert len(world.receiver.of(order)) == 1 and failed.is_signed()
    again = await client.checkout(direct(order, location))
    assert (again.status, again.raw, again.is_replayed) == (200, first.raw, True), again
    assert (await client.checkout(direct(f"{order}-anew", location))).status == 200, "the place is free again"


@row("1.4", "failed for a port that the switch doesn't have; the same ids after it, and its place is free")
async def a_missing_port_fails(world: World, client: Client) -> None:
    await _expect_failure(world, client, "no-such-port", network.NO_SUCH_PORT)


@row("1.4", "failed after all retries for a switch that can't be reached")
async def an_unreachable_switch_fails(world: World, client: Client) -> None:
    await _expect_failure(world, client, "unreachable", network.UNREACHABLE)


@row("1.4", "5xx and network errors are tried again after 2 s and 4 s: the same bytes and id, the next attempt")
async def failed_deliveries_are_repeated(world: World, client: Client) -> None:
    world.receiver.answer("repeated", "provisioning.completed", 500, HANG_UP)
    await client.checkout(direct("repeated", world.location()))
    await world.receiver.until(
        "three attempts", lambda: len(world.receiver.of("repeated", "provisioning.completed")) == 3
    )
    tries = world.receiver.of("repeated", "provisioning.completed")
    assert {(one.raw, one.headers["x-webhook-id"]) for one in tries} == {
        (tries[0].raw, tries[0].headers["x-webhook-id"])
    }
    assert [one.headers["x-webhook-attempt"] for one in tries] == ["1", "2", "3"], tries
    assert all(one.is_signed() for one in tries)
    waits = [later.at - earlier.at for earlier, later in pairwise(tries)]
    assert 1.5 < waits[0] < 4 and 3 < waits[1] < 7, waits


@row("1.4", "3xx and 4xx are not tried again, and redirects not followed")
async def refused_deliveries_are_buried(world: World, client: Client) -> None:
    refusals = {"gone": [410], "moved": [302]}
    for order, statuses in refusals.items():
        world.receiver.answer(order, "provisioning.completed", *statuses)
        assert (await client.checkout(direct(order, world.location()))).status == 200
    for order in refusals:
        await world.receiver.event(order, "provisioning.completed")
    await _until_the_third_attempt(world, client, "clock-of-refusals")
    counts = {order: len(world.receiver.of(order, "provisioning.completed")) for order in refusals}
    assert counts == {"gone": 1, "moved": 1} and world.receiver.requests_elsewhere == 0, counts


@row("1.4", "three attempts at most, for a receiver that never acknowledges")
async def attempts_are_limited(world: World, client: Client) -> None:
    await _until_the_third_attempt(world, client, "hopeless", failures=9)
    # The next one would be due 8 s after the third: within these two rounds of 6 s.
    for n in range(2):
        await _until_the_third_attempt(world, client, f"clock-of-attempts-{n}")
    assert len(world.receiver.of("hopeless", "provisioning.completed")) == 3


async def _until_the_third_attempt(world: World, client: Client, order: str, failures: int = 2) -> None:
    """A clock that the service itself keeps: third attempts are made after 6 s."""
    world.receiver.answer(order, "provisioning.completed", *[500] * failures)
    assert (await client.checkout(direct(order, world.location()))).status == 200
    tries = partial(world.receiver.of, order, "provisioning.completed")
    await world.receiver.until(f"the third attempt of {order}", lambda: len(tries()) == 3)


@row("1.4", "in all that was sent there is one outcome an order, and one id an event", alone=True)
async def nothing_is_told_twice(world: World, client: Client) -> None:
    sent = {
        (d.body["provider_document_id"], d.order, d.event, d.headers["x-webhook-id"]) for d in world.receiver.deliveries
    }
    events = [(partner, order, event) for partner, order, event, _ in sent]
    assert len(set(events)) == len(events), Counter(events).most_common(3)
    outcomes = [(partner, order) for partner, order, event in events if event.startswith("provisioning.")]
    assert len(set(outcomes)) == len(outcomes), Counter(outcomes).most_common(3)
