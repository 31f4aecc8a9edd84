"""Whoever types docs/tutorial.md sees what it shows: every block, against a real daemon."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.docs.pages import ROOT
from tests.docs.typed import missing, steps

pytestmark = [pytest.mark.process, pytest.mark.slow]

PAGE = ROOT / "docs" / "tutorial.md"
FIRST_TERMINAL = re.compile(r"^drydock lab ", re.MULTILINE)
PORT = "9000"
END = "the end of the block"
# Whatever hangs is killed then; the page takes seconds.
LIMIT_SECONDS = 900


class Terminal:
    """A shell that goes on from block to block, with nothing of whoever runs the tests."""

    def __init__(self, folder: Path, home: Path) -> None:
        own = {"HOME": str(home), "PATH": os.environ["PATH"], "COLUMNS": "200"}
        # What measures subprocesses, where they are measured.
        own |= {name: text for name, text in os.environ.items() if name.startswith("COVERAGE_")}
        self._shell = subprocess.Popen(
            ["bash", "--norc", "--noprofile"],
            cwd=folder,
            env=own,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._alarm = threading.Timer(LIMIT_SECONDS, self._kill)
        self._alarm.start()
        self._type("trap 'echo \"failed: $BASH_COMMAND\"' ERR\n")

    def _type(self, text: str) -> None:
        assert self._shell.stdin is not None
        self._shell.stdin.write(text)
        self._shell.stdin.flush()

    def run(self, commands: str, until: str = "") -> str:
        """Type `commands`; return what they say until they end, or to the line `until`."""
        self._type(commands if until else f"{commands}\necho '{END}'\n")
        assert self._shell.stdout is not None
        said = ""
        for line in self._shell.stdout:
            if line.strip() == END:
                break
            said += line
            if until and line.strip() == until:
                break
        return said

    def end(self) -> None:
        """Press Ctrl-C, and leave."""
        if self._shell.poll() is None:
            os.killpg(self._shell.pid, signal.SIGINT)
        try:
            self._shell.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            self._kill()
            self._shell.communicate()
        finally:
            self._alarm.cancel()

    def _kill(self) -> None:
        os.killpg(self._shell.pid, signal.SIGKILL)


def free_port() -> str:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return str(listener.getsockname()[1])


@pytest.fixture
def checkout(tmp_path):
    """What the page's first block expects: a folder with the commands in .venv/bin."""
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "bin").symlink_to(Path(sys.executable).parent)
    return tmp_path


def test_every_block_says_what_the_page_shows(checkout):
    text = PAGE.read_text(encoding="utf-8").replace(PORT, free_port())
    first, second = None, Terminal(checkout, checkout)
    try:
        for step in steps(text):
            if FIRST_TERMINAL.search(step.commands):
                first = Terminal(checkout / "tutorial", checkout)
                first.run(f'export PATH="{checkout}/.venv/bin:$PATH"')
                said = first.run(step.commands, until=step.shown[-1])
            else:
                said = second.run(step.commands)
            where = f"{PAGE.name}:{step.line}\n{said}"
            assert "failed: " not in said, where
            assert not missing(step.shown, said), where
    finally:
        second.end()
        if first is not None:
            first.end()


@pytest.mark.parametrize(
    ("shown", "said", "lost"),
    [
        (("a", "b"), "x\n  a\nb\n", []),
        (("b", "a"), "a\nb\n", ["a"]),
        (("took ... s",), "took 3.1 s\n", []),
        (("took ... s",), "took long\n", ["took ... s"]),
        (("| a   | b |",), "| a | b   |\n", []),
    ],
)
def test_a_line_that_is_not_said_is_seen(shown, said, lost):
    assert missing(shown, said) == lost
