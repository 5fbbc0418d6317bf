"""Section 1.3: what a repeat gets, and that nothing is done twice."""

import asyncio

from checks import network
from checks.rows import row
from checks.world import Answer, Client, World, direct, home_drop

_AT_ONCE = 20
_REUSED = "external_subscription_id was already used with a different request"


def _expect_replay(first: Answer, again: Answer) -> None:
    assert first.status == 200 and not first.is_replayed, first
    assert (again.status, again.raw, again.is_replayed) == (200, first.raw, True), (first, again)


def _expect_reused(first: Answer, other: Answer) -> None:
    ids = {field: first.body[field] for field in ("job_id", "subscription_id") if field in first.body}
    assert (other.status, other.body) == (409, {"detail": _REUSED, **ids}), other


@row("1.3", "a repeat, running or finished, has the first answer's bytes and Idempotency-Replayed: true")
async def repeats_are_replayed(world: World, client: Client) -> None:
    body = direct("repeat", world.location())
    first = await client.checkout(body)
    _expect_replay(first, await client.checkout(body))
    await world.receiver.event("repeat", "subscription.activated")
    _expect_replay(first, await client.checkout(body))
    drop = home_drop("repeat-drop")
    _expect_replay(await client.checkout(drop), await client.checkout(drop))
    await world.receiver.event("repeat-drop", "subscription.pending_install")
    assert len(world.receiver.of("repeat", "provisioning.completed")) == 1


@row("1.3", "20 concurrent identical requests: one job, one set of bytes, one first answer")
async def concurrent_repeats_are_one(world: World, client: Client) -> None:
    body = direct("at-once", world.location())
    answers = await asyncio.gather(*(client.checkout(body) for _ in range(_AT_ONCE)))
    assert {(answer.status, answer.raw) for answer in answers} == {(200, answers[0].raw)}, answers
    assert sum(not answer.is_replayed for answer in answers) == 1, answers
    activated = await world.receiver.event("at-once", "subscription.activated")
    (completed,) = world.receiver.of("at-once", "provisioning.completed")
    ids = {"job_id": completed.body["job_id"], "subscription_id": activated.body["subscription_id"]}
    assert ids.items() <= answers[0].body.items(), (ids, answers[0])


@row("1.3", "20 concurrent orders for one place: one is accepted, the others get 409")
async def a_place_is_won_once(world: World, client: Client) -> None:
    location = world.location()
    answers = await asyncio.gather(*(client.checkout(direct(f"race-{n}", location)) for n in range(_AT_ONCE)))
    statuses = sorted(answer.status for answer in answers)
    assert statuses == [200] + [409] * (_AT_ONCE - 1), statuses


@row("1.3", "requests are compared after normalising: case, spelling, default mode")
async def spellings_are_one_request(world: World, client: Client) -> None:
    location = f"{int(world.location(), 16):010x}"
    first = await client.checkout(direct("spelling", location, mac_address="02:00:5e:10:00:1a"))
    spelled = direct(
        "spelling",
        location.upper(),
        mac_address="0200.5E10.001A",
        delivery_mode="direct",
        plan_version_id=network.PLAN.upper(),
        service_provider_document_id=network.PARTNER.id.upper(),
    )
    _expect_replay(first, await client.checkout(spelled))


@row("1.3", "409 with the existing ids for the same key with another plan, location, MAC, mode or unit")
async def a_key_is_for_one_request(world: World, client: Client) -> None:
    location = world.location()
    first = await client.checkout(direct("reused", location))
    for other in (
        direct("reused", location, plan_version_id=network.SECOND_PLAN),
        direct("reused", location, plan_version_id=network.UNKNOWN_PLAN),
        direct("reused", world.location()),
        direct("reused", network.UNKNOWN_LOCATION),
        direct("reused", location, mac_address="02:00:5e:10:00:2a"),
        home_drop("reused"),
    ):
        _expect_reused(first, await client.checkout(other))
    dropped = await client.checkout(home_drop("reused-drop"))
    _expect_reused(dropped, await client.checkout(home_drop("reused-drop", unit_id=network.UNKNOWN_UNIT)))
    _expect_reused(dropped, await client.checkout(direct("reused-drop", world.location())))


@row("1.3", "what was refused left nothing under its key")
async def refusals_leave_nothing(world: World, client: Client) -> None:
    taken, free = world.location(), world.location()
    await client.checkout(direct("holder", taken))
    refused = [
        await client.checkout(direct("refused", network.UNKNOWN_LOCATION)),
        await client.checkout(direct("refused", free, plan_version_id=network.OTHERS_PLAN)),
        await client.checkout(direct("refused", free, plan_version_id=network.INACTIVE_PLAN)),
        await client.checkout(direct("refused", free, mac_address="x")),
        await client.checkout(direct("refused", taken)),
    ]
    assert [answer.status for answer in refused] == [404, 403, 400, 422, 409], refused
    answer = await client.checkout(direct("refused", free))
    assert answer.status == 200 and not answer.is_replayed, answer


@row("1.3", "two partners with the same external id never meet")
async def partners_never_meet(world: World, client: Client) -> None:
    mine = await client.checkout(direct("shared-id", world.location()))
    others = {"service_provider_document_id": network.OTHER.id, "plan_version_id": network.OTHERS_PLAN}
    theirs = await client.checkout(direct("shared-id", world.location(), **others), network.OTHER.secret)
    assert theirs.status == 200 and not theirs.is_replayed, theirs
    assert not set(mine.body.values()) & {theirs.body["job_id"], theirs.body["subscription_id"]}
