"""Changes that some BMCs take only with the right ETag; contract, oob-faults, C.7 to C.9."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from drydockd.drivers.oob.redfish.answers import Answer
from drydockd.drivers.oob.redfish.conversation import Conversation
from drydockd.drivers.oob.redfish.faults import PRECONDITION
from drydockd.drivers.oob.redfish.systems import read_system


def _as_sent(etag: str | None) -> str | None:
    return etag


def _strong(etag: str | None) -> str | None:
    """Some quote it twice, some call it weak and compare it as strong."""
    bare = (etag or "").removeprefix("W/").replace("\\", "").strip('"')
    return f'"{bare}"' if bare else None


def _any(etag: str | None) -> str | None:
    return "*"


def _none(etag: str | None) -> str | None:
    return None


ROUNDS: tuple[Callable[[str | None], str | None], ...] = (_as_sent, _strong, _any, _none)


async def change(
    bmc: Conversation,
    method: str,
    path: str,
    purpose: str,
    body: Mapping[str, object],
    *,
    of: str,
    is_repeatable: bool = True,
) -> Answer:
    """Send a change of the resource `of`; return the answer.

    A refused precondition means that nothing was done, so it is sent again with each form of
    the ETag, read anew each time.
    """

    async def send(etag: str | None = None) -> Answer:
        return await bmc.change(
            method, path, purpose, body, if_match=etag, is_repeatable=is_repeatable
        )

    answer = await send()
    last: str | None = None
    for form in ROUNDS:
        if answer.status not in PRECONDITION:
            return answer
        etag = form((await read_system(bmc, of)).etag)
        if etag != last:
            answer = await send(etag)
            last = etag
    return answer
