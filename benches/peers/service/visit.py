"""One stay on a switch for all ports that wait: read, told, read back. Each port has its own outcome."""

from dataclasses import dataclass

from service import ios
from service.session import Refused, Session

UNKNOWN_PORT = "the switch has no such port"
REFUSED = "the switch refused the configuration"
DIFFERS = "the port is not as ordered after its configuration"

Outcome = str | None
"""Why it failed, in words for a partner; nothing when the port is live."""


@dataclass(frozen=True, slots=True)
class Task:
    port: str
    want: ios.Port


@dataclass(slots=True)
class _Change:
    port: str
    want: ios.Port
    before: ios.Port
    refused: bool = False


async def configure(session: Session, tasks: list[Task]) -> list[Outcome]:
    """Raises `SessionLost` when nothing is sure of any of them: then all are begun anew, and read first."""
    found = await session.read([task.port for task in tasks])
    changes = [
        _Change(task.port, task.want, before)
        for task, before in zip(tasks, found, strict=True)
        if before is not None and before != task.want
    ]
    failed = await _make(session, changes) if changes else {}
    return [
        UNKNOWN_PORT if before is None else failed.get(task.port) for task, before in zip(tasks, found, strict=True)
    ]


async def _make(session: Session, changes: list[_Change]) -> dict[str, str]:
    """What failed is undone, from what stands there by now."""
    await _tell(session, changes)
    failed, undo = {}, []
    for change, after in zip(changes, await session.read([change.port for change in changes]), strict=True):
        if after != change.want:
            failed[change.port] = REFUSED if change.refused else DIFFERS
            undo.append(_Change(change.port, change.before, after or change.before))
    if undo:
        await _tell(session, undo)
    return failed


async def _tell(session: Session, changes: list[_Change]) -> None:
    await session.enter()
    defined: set[tuple[str, ...]] = set()
    for change in changes:
        policies = tuple(ios.policy_lines(change.want))
        lines = ios.port_lines(change.port, change.want, change.before)
        try:
            await session.tell(lines if policies in defined else [*policies, *lines])
            defined.add(policies)
        except Refused:
            change.refused = True
    await session.leave()
