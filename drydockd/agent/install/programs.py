"""Running the tools of the agent's system, with everything they say in the log."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import IO

# Escaped as JSON it is twice as long at most: the boot listener takes 2 MiB.
LONGEST_LOG = 1_000_000
# What one tool's output may add to the log.
LONGEST_OUTPUT = 64 * 1024
# A killed program that waits for a dead disk does not end: it is left behind after this.
KILL_SECONDS = 5.0


class ToolFailed(Exception):
    """A program ended badly; the text has its command and the end of what it said."""


class Journal:
    """The agent's log: in memory, on the console, at most `LONGEST_LOG` bytes, the newest."""

    def __init__(self, show: Callable[[str], None] = print) -> None:
        self._lines: deque[str] = deque()
        self._bytes = 0
        self._show = show
        self._began = time.monotonic()

    def say(self, text: str) -> None:
        line = f"{time.monotonic() - self._began:8.1f} {_shown(text)}"
        self._show(line)
        self._lines.append(line)
        self._bytes += len(line.encode()) + 1
        while self._bytes > LONGEST_LOG:
            self._bytes -= len(self._lines.popleft().encode()) + 1

    def text(self) -> str:
        return "".join(f"{line}\n" for line in self._lines)


def _shown(text: str) -> str:
    """The end of `text`, without what a console would obey."""
    text = text.encode(errors="replace").decode()[-LONGEST_OUTPUT:]
    return "".join(c if c in "\n\t" or c.isprintable() else "?" for c in text)


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

        `given` is standard input; it is not logged if `secret`. After `seconds` the program is
        killed with all that it started.
        """
        shown = " ".join(command)
        self._journal.say(f"$ {shown}")
        if given and not secret:
            self._journal.say(given.rstrip("\n"))
        try:
            status, output, errors = _finished(command, given, seconds)
        except (OSError, subprocess.TimeoutExpired) as error:
            late = isinstance(error, subprocess.TimeoutExpired)
            text = f"not done after {seconds:g} s, killed" if late else str(error)
            if may_fail:
                self._journal.say(text)
                return ""
            raise ToolFailed(f"{shown}: {text}") from error
        said = errors.strip() or (output.strip() if status else "")
        if said:
            self._journal.say(said)
        if status and not may_fail:
            last = said.splitlines()[-1] if said else "it said nothing"
            raise ToolFailed(f"{shown}: exit status {status}: {last}")
        return output

    def pipe(
        self,
        commands: Sequence[Sequence[str]],
        feed: Callable[[Callable[[bytes], object]], None],
        *,
        seconds: float = 6 * 3600,
    ) -> None:
        """Run `commands` as a pipeline whose input is what `feed` writes.

        Raises ToolFailed, also after `seconds`, and what `feed` raises.
        """
        self._journal.say("$ " + " | ".join(" ".join(command) for command in commands))
        # A file: programs that say much must not wait for somebody to read it.
        with tempfile.TemporaryFile() as said:
            running = _pipeline(commands, said)
            late = threading.Event()
            timer = threading.Timer(seconds, _kill_late, (running, late))
            timer.start()
            try:
                is_broken = _fed(running, feed)
                for child in running:
                    child.wait()
            except BaseException:
                for child in running:
                    _kill(child)
                raise
            finally:
                timer.cancel()
            text = _end_of(said)
        if text:
            self._journal.say(text)
        failed = [
            f"{' '.join(command)}: exit status {child.returncode}"
            for command, child in zip(commands, running, strict=True)
            if child.returncode
        ]
        if late.is_set():
            raise ToolFailed(f"the pipeline was not done after {seconds:g} s, killed")
        if failed or is_broken:
            what = "; ".join(failed) or "the pipeline ended early"
            raise ToolFailed(f"{what}: {text or 'it said nothing'}")


class _ReaderGone(Exception):
    """The first program of a pipeline reads no more. No OSError: that is a matter of networks."""


def _finished(command: Sequence[str], given: str | None, seconds: float) -> tuple[int, str, str]:
    """Return exit status, output, errors. Raises OSError, TimeoutExpired."""
    child = subprocess.Popen(  # noqa: S603
        command,
        stdin=subprocess.DEVNULL if given is None else subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        output, errors = child.communicate(given, timeout=seconds)
    except BaseException:
        _kill(child)
        raise
    return child.returncode, output, errors


def _kill(child: subprocess.Popen[bytes] | subprocess.Popen[str]) -> None:
    """End `child` and all of its session."""
    if child.poll() is None:
        os.killpg(child.pid, signal.SIGKILL)
    for stream in (child.stdin, child.stdout, child.stderr):
        if stream is not None:
            _closed(stream)
    try:
        child.wait(KILL_SECONDS)
    except subprocess.TimeoutExpired:
        return


def _kill_late(running: Sequence[subprocess.Popen[bytes]], late: threading.Event) -> None:
    late.set()
    for child in running:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)


def _pipeline(commands: Sequence[Sequence[str]], said: IO[bytes]) -> list[subprocess.Popen[bytes]]:
    """Start all. Raises ToolFailed, with none left running."""
    running: list[subprocess.Popen[bytes]] = []
    source: int | IO[bytes] | None = subprocess.PIPE
    for number, command in enumerate(commands):
        is_last = number == len(commands) - 1
        try:
            child = subprocess.Popen(  # noqa: S603
                command,
                stdin=source,
                stdout=subprocess.DEVNULL if is_last else subprocess.PIPE,
                stderr=said,
                start_new_session=True,
            )
        except OSError as error:
            for earlier in running:
                _kill(earlier)
            raise ToolFailed(f"{' '.join(command)}: {error}") from error
        if running and running[-1].stdout is not None:
            running[-1].stdout.close()
        running.append(child)
        source = child.stdout
    return running


def _fed(
    running: Sequence[subprocess.Popen[bytes]],
    feed: Callable[[Callable[[bytes], object]], None],
) -> bool:
    """Return whether the first program stopped reading before the end."""
    first = running[0].stdin
    assert first is not None  # noqa: S101

    def write(chunk: bytes) -> None:
        try:
            first.write(chunk)
        except BrokenPipeError as error:
            raise _ReaderGone from error

    try:
        feed(write)
    except _ReaderGone:
        _closed(first)
        return True
    return not _closed(first)


def _closed(stream: IO[bytes] | IO[str]) -> bool:
    """Close; return whether all that was written was taken."""
    try:
        stream.close()
    except BrokenPipeError:
        return False
    return True


def _end_of(said: IO[bytes]) -> str:
    size = said.seek(0, os.SEEK_END)
    said.seek(max(0, size - LONGEST_OUTPUT))
    return said.read().decode(errors="replace").strip()
