"""Sessions that we left at a BMC: found and ended, and never anybody else's.

A daemon that was killed left one, and so does a login whose answer was lost. Source: contract,
scale, section 6, "Device fence"; oob-faults, C.2; DSP0268, "Session".
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime

from drydockd.drivers.oob.redfish.answers import links, text
from drydockd.drivers.oob.redfish.conversation import Conversation
from drydockd.drivers.oob.redfish.lost import MOST_EACH, LostLogins

log = logging.getLogger(__name__)

# BMCs tell the time in whole seconds, and set their clocks.
SLACK_SECONDS = 2.0


async def end_session(bmc: Conversation, path: str) -> str:
    """End the session at `path` if it is of our account; return what became of it.

    Many BMCs give the numbers of their sessions anew, so it may be somebody else's by now, or
    the very one we ask in.
    """
    gone = f"the BMC shows no session {path} any more"
    if path == bmc.session:
        return gone
    answer = await bmc.look(path, "to see whose session it is", is_needed=True)
    if answer is None:
        return gone
    if text(answer.body.get("UserName")) != bmc.target.account:
        return f"session {path} is not of this node's account now, so it was left alone"
    answer = await bmc.delete(path, "to end an older session")
    if answer.is_good:
        return f"ended session {path}, which was left at the BMC"
    return gone if answer.status in (404, 410) else f"the BMC did not end session {path}: {answer}"


async def end_lost(bmc: Conversation, lost: LostLogins) -> None:
    """End the sessions that logins left whose answers never came.

    Which they are tells our own session: those of the same account, from the same address,
    begun since the first such login. Where the BMC does not tell that, or there are more of them
    than were lost, none is ended.
    """
    began = lost.of(bmc.target.origin)
    if not began or bmc.session is None:
        return
    seconds = asyncio.get_running_loop().time() - min(began)
    ours, others = await _sessions(bmc)
    lost.forget(bmc.target.origin)
    if not others:
        return
    likely = [path for path, told in others.items() if _is_like(told, ours, seconds)]
    if likely and len(likely) <= len(began):
        for path in likely:
            answer = await bmc.delete(path, "to end a session whose login was lost", is_act=False)
            log.info("%s: ended session %s, whose login was lost: %s", bmc.who, path, answer)
    elif likely or not _is_telling(ours):
        bmc.odd.append(
            "a login whose answer was lost may have left a session, and which of those it shows "
            "cannot be told"
        )


async def _sessions(bmc: Conversation) -> tuple[Mapping[str, object], dict[str, dict[str, object]]]:
    """What the BMC tells of our own session, and of all others by their paths."""
    purpose = "to look for a session whose login was lost"
    listed = await bmc.look(bmc.sessions, purpose)
    paths: Sequence[str] = () if listed is None else links(listed.body.get("Members"))
    found: dict[str, dict[str, object]] = {}
    for path in paths[:MOST_EACH]:
        if (answer := await bmc.look(path, purpose)) is not None:
            found[path] = dict(answer.body)
    ours = found.pop(bmc.session or "", {})
    return ours, found


def _is_telling(session: Mapping[str, object]) -> bool:
    names = ("UserName", "ClientOriginIPAddress")
    return all(text(session.get(name)) for name in names) and _created(session) is not None


def _is_like(told: Mapping[str, object], ours: Mapping[str, object], seconds: float) -> bool:
    if not _is_telling(told) or not _is_telling(ours):
        return False
    if any(told.get(name) != ours.get(name) for name in ("UserName", "ClientOriginIPAddress")):
        return False
    its, own = _created(told), _created(ours)
    if its is None or own is None:
        return False
    return -SLACK_SECONDS <= (own - its).total_seconds() <= seconds + SLACK_SECONDS


def _created(session: Mapping[str, object]) -> datetime | None:
    """When it began, by the BMC's own clock. Without an offset it is no time to compare with."""
    try:
        created = datetime.fromisoformat(text(session.get("CreatedTime")) or "")
    except ValueError:
        return None
    return created if created.tzinfo is not None else None
