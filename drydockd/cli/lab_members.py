"""Who of a lab's daemons runs the tasks: watched in their database, and ended now and then."""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table

from drydockd.cli.lab_daemons import Daemons, Say
from drydockd.errors import StoreRefused, StoreUnavailable
from drydockd.store.postgres.asking import asked
from drydockd.store.postgres.standing import Standing, standing

LOOK_SECONDS = 0.25
# Between two kills, counted from when all daemons are there again.
CHAOS_SECONDS = (4.0, 12.0)


@dataclass(slots=True)
class Watch:
    """What was seen of the cluster; `say` is told of each change of who runs the tasks."""

    url: str
    say: Say
    members: Sequence[Standing] = ()
    runner: str | None = None
    takeovers: int = 0
    _away_since: float | None = field(default=None, repr=False)

    async def run(self) -> None:
        """Look at the database again and again, until cancelled."""
        while True:
            with contextlib.suppress(StoreUnavailable, StoreRefused):
                async with asked(self.url, "drydock lab") as connection:
                    while True:
                        self.saw(await standing(connection))
                        await asyncio.sleep(LOOK_SECONDS)
            await asyncio.sleep(LOOK_SECONDS)

    def saw(self, members: Sequence[Standing]) -> None:
        """Take in how the cluster stands now."""
        self.members = members
        now = next((member.name for member in members if member.is_runner), None)
        if now is None:
            if self.runner is not None and self._away_since is None:
                self._away_since = time.monotonic()
            return
        if self.runner is None:
            self.say(f"{now} runs the tasks")
        elif now != self.runner:
            self.takeovers += 1
            self.say(f"{now} took over from {self.runner}{self._after()}")
        self.runner, self._away_since = now, None

    def _after(self) -> str:
        if self._away_since is None:
            return ""
        seconds = time.monotonic() - self._away_since
        return f", {seconds:.1f} s after its lease had run out"


async def chaos(
    daemons: Daemons,
    watch: Watch,
    *,
    chance: random.Random,
    pause: tuple[float, float] = CHAOS_SECONDS,
) -> None:
    """Kill a daemon now and then, the one that runs the tasks every second time; for ever.

    Only when all are there: what a cluster of three bears is one that is away.
    """
    number = 0
    while True:
        await daemons.all_ready()
        await asyncio.sleep(chance.uniform(*pause))
        await daemons.all_ready()
        others = [daemon.name for daemon in daemons.all if daemon.name != watch.runner]
        is_runners_turn = number % 2 == 0 and watch.runner is not None
        name = watch.runner if is_runners_turn and watch.runner else chance.choice(others)
        number += 1
        what = ", which runs the tasks" if name == watch.runner else ""
        daemons.say(f"chaos: killing {name}{what}")
        daemon = daemons[name]
        daemon.ready.clear()
        daemon.send(signal.SIGKILL)


def show_members(
    members: Iterable[Standing], takeovers: int, console: Console | None = None
) -> None:
    """Print the daemons, and how often one took over from another."""
    console = console or Console(highlight=False)
    table = Table(title="daemons")
    for heading in ("daemon", "address", "runs the tasks", "writes behind", "heard"):
        table.add_column(heading)
    for member in members:
        table.add_row(
            member.name,
            member.address,
            "yes" if member.is_runner else "",
            str(member.lag),
            f"{member.silent_seconds:.1f} s ago",
        )
    console.print(table)
    if takeovers:
        console.print(f"{takeovers} take-over{'s' if takeovers > 1 else ''}")
