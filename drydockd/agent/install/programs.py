"""Running the tools of the agent's system, with everything they say in the log."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Sequence

LONGEST_LOG = 1 << 20
# What one tool's output may add to the log.
LONGEST_OUTPUT = 64 * 1024


class ToolFailed(Exception):
    """A program ended badly; the text has its command and the end of what it said."""


class Journal:
    """The agent's log: in memory, on the console, at most `LONGEST_LOG` bytes, the newest."""

    def __init__(self, show: Callable[[str], None] = print) -> None:
        self._lines: list[str] = []
        self._bytes = 0
        self._show = show
        self._began = time.monotonic()

    def say(self, text: str) -> None:
        line = f"{time.monotonic() - self._began:8.1f} {text}"
        self._show(line)
        self._lines.append(line)
        self._bytes += len(line.encode()) + 1
        while self._bytes > LONGEST_LOG and len(self._lines) > 1:
            self._bytes -= len(self._lines.pop(0).encode()) + 1

    def text(self) -> str:
        return "".join(f"{line}\n" for line in self._lines)


class Programs:
    """Runs programs; tests put a recorder in their place."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def run(
        self,
        *command: str,
        given: str | None = None,
        seconds: float = 600,
        may_fail: bool = False,
        secret: bool = False,
    ) -> str:
        """Return standard output. Raises ToolFailed, not if it `may_fail`.

        `given` is standard input; it is not logged if `secret`.
        """
        shown = " ".join(command)
        self._journal.say(f"$ {shown}")
        if given and not secret:
            self._journal.say(given.rstrip("\n"))
        try:
            done = subprocess.run(  # noqa: S603
                command,
                input=given,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=seconds,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            if may_fail:
                self._journal.say(str(error))
                return ""
            raise ToolFailed(f"{shown}: {error}") from error
        said = done.stderr.strip() or (done.stdout.strip() if done.returncode else "")
        said = said[-LONGEST_OUTPUT:]
        if said:
            self._journal.say(said)
        if done.returncode and not may_fail:
            last = said.splitlines()[-1] if said else "it said nothing"
            raise ToolFailed(f"{shown}: exit status {done.returncode}: {last}")
        return done.stdout

    def pipe(
        self, commands: Sequence[Sequence[str]], feed: Callable[[Callable[[bytes], object]], None]
    ) -> None:
        """Run `commands` as a pipeline whose input is what `feed` writes. Raises ToolFailed."""
        self._journal.say("$ " + " | ".join(" ".join(command) for command in commands))
        running: list[subprocess.Popen[bytes]] = []
        source: int | object = subprocess.PIPE
        for number, command in enumerate(commands):
            is_last = number == len(commands) - 1
            child = subprocess.Popen(  # noqa: S603
                command,
                stdin=source,  # type: ignore[arg-type]
                stdout=subprocess.DEVNULL if is_last else subprocess.PIPE,
                stderr=subprocess.PIPE if is_last else None,
            )
            if running and running[-1].stdout is not None:
                running[-1].stdout.close()
            running.append(child)
            source = child.stdout
        first = running[0].stdin
        assert first is not None  # noqa: S101
        broken = False
        try:
            feed(first.write)
        except BrokenPipeError:
            broken = True
        finally:
            try:
                first.close()
            except BrokenPipeError:
                broken = True
            said = [child.communicate()[1] or b"" for child in reversed(running)]
        failed = [
            (command, child.returncode)
            for command, child in zip(commands, running, strict=True)
            if child.returncode
        ]
        if failed or broken:
            text = said[0].decode(errors="replace").strip()[-LONGEST_OUTPUT:]
            what = "; ".join(f"{' '.join(c)}: exit status {code}" for c, code in failed)
            raise ToolFailed(f"{what or 'the pipeline ended early'}: {text}")
