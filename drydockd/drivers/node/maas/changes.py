"""One change after the other until what MAAS has equals what is wanted; may end anywhere.

What is next is computed from what MAAS has, so that a second run goes on where the first one
ended, whatever ended it, and does nothing twice.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from drydockd.drivers.node.maas.answers import Refused
from drydockd.drivers.node.maas.client import MaasClient, Value
from drydockd.errors import DriverConflict, DriverError, DriverTransient

Document = dict[str, Any]

# Reads of the state: the first, and some for what comes between.
ROUNDS = 4


@dataclass(frozen=True, slots=True)
class Change:
    """A request that changes something, and why. `again`: once more ends the same."""

    method: str
    path: str
    op: str | None = None
    form: Mapping[str, Value] = field(default_factory=dict)
    why: str = ""
    again: bool = False


async def send(client: MaasClient, change: Change) -> Any:
    """Make `change` and return what MAAS answers."""
    if change.method == "DELETE":
        return await client.delete(change.path)
    if change.method == "PUT":
        return await client.put(change.path, change.form)
    return await client.post(change.path, change.op, change.form, again=change.again)


async def reconcile(
    name: str,
    read: Callable[[], Awaitable[Document]],
    next_change: Callable[[Document], Change | None],
    make: Callable[[Change], Awaitable[Any]],
    absorb: Callable[[Document, Change, Any], None],
) -> None:
    """Make changes until `next_change` has none.

    `absorb` puts what a change was answered with into the document, so that what MAAS told
    already is not asked for again. What goes wrong between, is refused, or is changed by somebody
    else, is looked at anew, `ROUNDS` times. Raises the last DriverTransient or DriverConflict
    then, `answers.Refused` for what is refused twice, and any other DriverError at once.
    """
    trouble: DriverError = DriverConflict(f"{name}: nothing was read")
    refused: Change | None = None
    for _ in range(ROUNDS):
        document = await read()
        made: list[Change] = []
        change: Change | None = None
        try:
            while (change := next_change(document)) is not None and change not in made:
                absorb(document, change, await make(change))
                made.append(change)
        except (DriverTransient, DriverConflict) as error:
            trouble = error
        except Refused as error:
            # What it is about may be gone, or be there already, by somebody else's hand.
            if change == refused:
                raise
            trouble, refused = error, change
        else:
            if change is None:
                return
            trouble = DriverConflict(
                f"{name}: MAAS took a change and is as before ({change.why}): does somebody else "
                "change this machine?"
            )
    raise trouble
