"""Several processes on one PostgreSQL, and everything that fails: is anything lost, or twice?

``python -m bench.clusterfaults [NAME ...] [--rounds 20]``; each of the faults below for so many
rounds, on servers of its own (Debian's PostgreSQL, durable). Three processes of sixteen writers
each write all the time and say what was acknowledged; in the end what each of them shows, and
what one shows that opens the store then, is held against that, document by document. Exit code 1
if anything acknowledged is lost, anything is there twice, anything that was refused is there, or
two of them show different contents.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from tests.peers import postgres, standby, wire
from tests.store.several.replica import Verdict
from tests.store.several.sharing import Sharing

NAMES = ("a", "b", "c")
WRITERS = 16
SILENT_SECONDS = 5
STANDBY_STOPS_SECONDS = 8
dice = random.Random(1)


@contextlib.contextmanager
def begun(url: str, *, far: str = "", **options: Any) -> Iterator[Sharing]:
    """Three processes that write; the first one reaches its database at `far`, if told so."""
    with contextlib.ExitStack() as stack:
        crew = Sharing(stack, url)
        for name in NAMES:
            place = far if name == NAMES[0] else url
            crew.join(name, place or url, writers=WRITERS, **options)
        crew.go()
        crew.each_writes(100)
        yield crew


def ended(crew: Sharing, events: str) -> Verdict:
    """Judge; say how it went."""
    crew.each_writes(100)
    for member in crew.members:
        member.stop()
    crew.join("later", patience=100)
    replicas = {member.name: member.look() for member in crew.alive()}
    verdict = crew.judge(replicas)
    longest = {name: round(replicas[name]["longest_seconds"], 2) for name in NAMES}
    refused = sum(len(member.refused) for member in crew.members)
    print(f"  {events}: {verdict}; refused {refused}; longest write, s: {longest}", flush=True)
    for name, examples in verdict.faults().items():
        print(f"  {name}: {examples}", flush=True)
    return verdict


def kills(rounds: int) -> Verdict:
    """PostgreSQL is killed and started again."""
    with postgres.running(is_durable=True) as server, begun(server.database().url) as crew:
        for _ in range(rounds):
            time.sleep(dice.random())
            server.restart("immediate")
            crew.each_writes(10)
        return ended(crew, f"{rounds} kills of PostgreSQL")


def cuts(rounds: int) -> Verdict:
    """Connections of one process are cut at a write: sent, answered, or delivered late."""
    with on_a_wire() as (crew, line):
        for number in range(rounds * 2):
            how = list(wire.How)[number % 3]
            cut = line.cut("drydock.write(", how)
            cut.wait()
            crew.members[0].wait_for(10)
            cut.deliver()
            time.sleep(dice.random() / 10)
        return ended(crew, f"{rounds * 2} connections cut at a write")


def silence(rounds: int) -> Verdict:
    """The network of one process is silent for a while, longer than it waits."""
    with on_a_wire(patience=2) as (crew, line):
        for _ in range(max(1, rounds // 5)):
            line.silence()
            time.sleep(SILENT_SECONDS)
            line.go_on()
            crew.each_writes(50)
        return ended(crew, f"{max(1, rounds // 5)} times {SILENT_SECONDS} s of silence for a")


def deafness(rounds: int) -> Verdict:
    """One process reads no more of what the database says, and gets far behind."""
    with on_a_wire(pad=8000) as (crew, line):
        for _ in range(max(1, rounds // 5)):
            line.stop_reading()
            for member in crew.members[1:]:
                member.wait_for(1500)
            line.go_on()
            crew.each_writes(50)
        return ended(crew, f"{max(1, rounds // 5)} times a reads no more while others write 24 MB")


def stops(rounds: int) -> Verdict:
    """Processes are stopped at random moments."""
    with postgres.running(is_durable=True) as server, begun(server.database().url) as crew:
        for _ in range(rounds):
            stopped = dice.choice(crew.members)
            stopped.wait_for(dice.randint(1, 300))
            stopped.kill(signal.SIGSTOP)
            time.sleep(dice.random() * 2)
            stopped.kill(signal.SIGCONT)
        return ended(crew, f"{rounds} stops of a process at a random moment")


def failover(rounds: int) -> Verdict:
    """A synchronous standby takes over, with and without having stood still before."""
    verdict = Verdict()
    for stands in (0, STANDBY_STOPS_SECONDS):
        with paired(is_synchronous=True) as (crew, first, second):
            if stands:
                second.pause()
                time.sleep(stands)
                second.go_on()
            first.kill()
            second.promote()
            verdict = worst(verdict, ended(crew, f"failover, standby stopped {stands} s before"))
    return verdict


def history(rounds: int) -> Verdict:
    """A standby takes over that lacks what was acknowledged: everybody must notice."""
    with paired(is_synchronous=False) as (crew, first, second):
        second.fall_behind()
        crew.each_writes(200)
        first.kill()
        second.promote()
        codes = [member.ended() for member in crew.members]
        writes = sum(len(member.wrote) for member in crew.members)
        with Sharing.anew(crew.url) as anew:
            shown = anew.join("later").look()
        lost = crew.judge({"later": shown})
        print(f"  lagging standby: exit codes {codes}; of {writes} writes {len(lost.lost)} lost")
        noticed = Verdict(writes)
        told = dict(zip(NAMES, codes, strict=True))
        noticed.lost = [f"unnoticed by {name}" for name, code in told.items() if code != 75]
        return noticed


def full(rounds: int) -> Verdict:
    """The database is full, and has room again."""
    with postgres.running(is_durable=True, wal_mib=1) as server:
        database = server.database()
        with begun(database.url, pad=3000, patience=1) as crew:
            for _ in range(max(1, rounds // 5)):
                server.fill()
                for member in crew.members:
                    enough = len(member.refused) + 50
                    member.until(lambda m=member, n=enough: len(m.refused) >= n, "to be refused")
                server.empty()
                crew.each_writes(50)
            return ended(crew, f"{max(1, rounds // 5)} times full")


@contextlib.contextmanager
def on_a_wire(**options: Any) -> Iterator[tuple[Sharing, wire.Wire]]:
    with postgres.running(is_durable=True) as server, wire.running(server.port) as line:
        database = server.database()
        far = f"{server.url(database.name, line.port)}?sslmode=disable"
        with begun(database.url, far=far, **options) as crew:
            yield crew, line


@contextlib.contextmanager
def paired(*, is_synchronous: bool) -> Iterator[tuple[Sharing, Any, Any]]:
    with (
        postgres.running(is_durable=True) as first,
        standby.following(first, is_synchronous=is_synchronous) as second,
        begun(standby.url_of_both(first, second, first.database().name)) as crew,
    ):
        yield crew, first, second


def worst(one: Verdict, other: Verdict) -> Verdict:
    return one if one.faults() else other


FAULTS: dict[str, Callable[[int], Verdict]] = {
    work.__name__: work for work in (kills, cuts, silence, deafness, stops, failover, history, full)
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.clusterfaults")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(FAULTS))
    parser.add_argument("--rounds", type=int, default=20)
    chosen = parser.parse_args()
    if unknown := set(chosen.names) - FAULTS.keys():
        parser.error(f"no fault {', '.join(sorted(unknown))}; there are {', '.join(FAULTS)}")
    bad = False
    for name in chosen.names or FAULTS:
        print(name, flush=True)
        bad |= bool(FAULTS[name](chosen.rounds).faults())
    sys.exit(bad)


if __name__ == "__main__":
    main()
