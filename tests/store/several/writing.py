"""Processes that write to one store (see writer): started, heard, stopped, killed."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path

from tests.peers.faketime import WrongClock
from tests.store.several.replica import Replica, Verdict, judge
from tests.store.several.writer import Orders

ROOT = Path(__file__).parents[3]
PATIENCE_SECONDS = 120


class Writing:
    """One process, as `orders` say. `wrote`: mark -> kind of write; `refused`: mark -> why."""

    def __init__(self, orders: Orders, environment: Mapping[str, str] | None = None) -> None:
        self.orders = orders
        self.wrote: dict[str, str] = {}
        self.refused: dict[str, str] = {}
        self.done: list[str] = []
        self._news = threading.Condition()
        self._is_ready = self._is_over = False
        self._ails = ""
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed by `close`
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.store.several.writer", json.dumps(asdict(orders))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            cwd=ROOT,
            env={**os.environ, **(environment or {})},
            text=True,
        )
        self._thread = threading.Thread(target=self._hear, name=orders.name, daemon=True)
        self._thread.start()

    @property
    def name(self) -> str:
        return self.orders.name

    def errors(self) -> str:
        self._errors.seek(0)
        return self._errors.read()

    def ready(self) -> Writing:
        self.until(lambda: self._is_ready, "to have opened its store")
        return self

    def go(self) -> None:
        self._tell("go")

    def go_once(self) -> None:
        """Let each of its writers write once."""
        self._tell("go 1")

    def end(self) -> None:
        """Return when all has been acknowledged that `go_once` began."""
        self._ask("end")

    def stop(self) -> None:
        """Let it end the writes under way."""
        self._ask("stop")

    def read(self) -> str:
        """Let it read: it answers if it lives, whatever its database does. Return what ails it."""
        self._ask("read")
        return self._ails

    def look(self) -> Replica:
        """What it shows, once it shows all that was acknowledged."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "replica"
            self._ask(f"look {file}")
            found: Replica = json.loads(file.read_text())
        return found

    def wait_for(self, more: int) -> None:
        """Return after so many further acknowledged writes."""
        enough = len(self.wrote) + more
        self.until(lambda: len(self.wrote) >= enough, f"to write {more} times more")

    def until(self, is_so: Callable[[], bool], what: str) -> None:
        with self._news:
            self._news.wait_for(lambda: is_so() or self._is_over, PATIENCE_SECONDS)
            assert is_so(), f"{self.name} was {what}; it said: {self.errors()[-3000:]}"

    def ended(self) -> int:
        """Wait until it has ended by itself; return its exit code."""
        return self.process.wait(PATIENCE_SECONDS)

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """SIGSTOP and SIGCONT too."""
        os.kill(self.process.pid, number)

    def close(self) -> None:
        """End it, whatever it does; safe to call twice."""
        if self.process.poll() is None:
            self.kill(signal.SIGCONT)
            self.process.kill()
            self.process.wait()
        WrongClock.tidy(self.process.pid)
        self._thread.join()
        for file in (self.process.stdin, self.process.stdout, self._errors):
            with contextlib.suppress(BrokenPipeError):
                file.close()  # type: ignore[union-attr]

    def _tell(self, line: str) -> None:
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def _ask(self, line: str) -> None:
        word, before = line.split()[0], len(self.done)
        self._tell(line)
        self.until(lambda: word in self.done[before:], f"to {line}")

    def _hear(self) -> None:
        for line in self.process.stdout:
            if line.endswith("\n"):  # else it was killed in the middle of it
                with self._news:
                    self._take(line.split(maxsplit=2))
                    self._news.notify_all()
        with self._news:
            self._is_over = True
            self._news.notify_all()

    def _take(self, words: list[str]) -> None:
        match words:
            case ["ready"]:
                self._is_ready = True
            case ["wrote", mark, kind]:
                self.wrote[mark] = kind.strip()
            case ["refused", mark, why]:
                self.refused[mark] = why.strip()
            case ["showed", _, ails]:
                self._ails = ails.strip()
            case ["done", word]:
                self.done.append(word.strip())


class Crew:
    """Several processes on one store; what they were told is held against what they show."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        self._stack = stack
        self.members: list[Writing] = []
        self.has_begun = False  # the tasks are there that all write to

    def add(self, name: str, *, environment: Mapping[str, str] | None = None, **orders) -> Writing:
        """Start one more, and wait until it has opened its store; the first one begins."""
        told = Orders(name, is_first=not self.has_begun, seed=len(self.members), **orders)
        self.has_begun = True
        member = Writing(told, environment)
        self._stack.callback(member.close)
        self.members.append(member.ready())
        return member

    def go(self) -> None:
        for member in self.alive():
            member.go()

    def each_writes(self, more: int) -> None:
        for member in self.alive():
            member.wait_for(more)

    def alive(self) -> list[Writing]:
        return [member for member in self.members if member.process.poll() is None]

    def settle(self, **more: Replica) -> Verdict:
        """End all writes; judge what all that live, and others (`more`), show now."""
        for member in self.alive():
            member.stop()
        replicas = {member.name: member.look() for member in self.alive()}
        return self.judge(replicas | more)

    def judge(self, replicas: Mapping[str, Replica]) -> Verdict:
        wrote = {mark: kind for member in self.members for mark, kind in member.wrote.items()}
        refused = [mark for member in self.members for mark in member.refused]
        return judge(wrote, refused, replicas)


@contextlib.contextmanager
def crew() -> Iterator[Crew]:
    with contextlib.ExitStack() as stack:
        yield Crew(stack)
