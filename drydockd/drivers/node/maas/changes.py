"""One change after the other until what MAAS has equals what is wanted; may end anywhere.

What is next is computed from what MAAS has, so that a second run goes on where the first one
ended, whatever ended it, and does nothing twice.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from drydockd.drivers.node.maas.client import MaasClient, Value
from drydockd.errors import DriverConflict, DriverError, DriverTransient

Document = dict[str, Any]

# Reads of the state: the first, the one that finds it as wanted, and some for what comes between.
ROUNDS = 5
# More changes than any machine needs: somebody undoes them as fast as they are made.
MOST_CHANGES = 500


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
    *,
    is_told_all: bool = False,
) -> bool:
    """Make changes until `next_change` has none for what was read; return whether any was made.

    `absorb` puts what a change was answered with into the document, so that what MAAS told
    already is not asked for again; with `is_told_all` also not at the end. What goes wrong between, or is changed by somebody else, is
    looked at anew, `ROUNDS` times. Raises the last DriverTransient or DriverConflict then, and
    any other DriverError at once.
    """
    trouble: DriverError | None = None
    last: Change | None = None
    any_made = False
    for _ in range(ROUNDS):
        document = await read()
        made = 0
        try:
            while (change := next_change(document)) is not None and made < MOST_CHANGES:
                if made and change == last:
                    # MAAS took it, and told nothing of it: look whether it did.
                    break
                absorb(document, change, await make(change))
                last = change
                made += 1
        except (DriverTransient, DriverConflict) as error:
            trouble = error
            any_made = True
            continue
        if not made:
            return any_made
        if is_told_all and change is None:
            return True
        any_made = True
        trouble = None
    if trouble is not None:
        raise trouble
    why = f" ({last.why})" if last and last.why else ""
    raise DriverConflict(
        f"{name}: MAAS is not as it was left{why}: does somebody else change this machine?"
    )
