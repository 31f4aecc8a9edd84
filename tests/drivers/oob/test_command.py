"""A child process that outlives no call: bounded in time, in output, in company."""

import asyncio
import os
import re
import select
import signal
import subprocess
import sys
import threading

import pytest

from drydockd import acting
from drydockd.drivers.oob import command
from drydockd.errors import DriverPersistent, DriverTransient

pytestmark = pytest.mark.process

LATER = 3600.0
# Starts a child of its own, says its number, and waits for ever.
FAMILY = "sleep 1000 & echo $!; exec sleep 2000"


def soon(seconds=LATER):
    return asyncio.get_running_loop().time() + seconds


async def run(*words, until=None, environment=None, **more):
    return await command.run(
        words,
        environment=environment or {},
        until=until or soon(),
        starter=more.pop("starter", None) or command.Starter(),
        **more,
    )


async def gone(pid):
    """Wait until a process that is not ours is no more."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        ended, _, _ = await asyncio.to_thread(select.select, [fd], [], [], 20)
        if not ended:
            signal.pidfd_send_signal(fd, signal.SIGKILL)
        assert ended, f"process {pid} was still there"
    finally:
        os.close(fd)


class Family:
    """A program with a child, at work in a call that a test ends."""

    def __init__(self, tmp_path):
        self.fifo = tmp_path / "number"
        os.mkfifo(self.fifo)
        self.words = ("/bin/sh", "-c", FAMILY.replace("$!", f"$! > {self.fifo}"))

    async def grandchild(self):
        return int(await asyncio.to_thread(self.fifo.read_text))


async def test_a_program_runs_with_exactly_the_environment_it_is_given():
    ended = await run("/usr/bin/env", environment={"LC_ALL": "C", "SECRET": "x"})
    assert (ended.code, sorted(ended.out.split())) == (0, ["LC_ALL=C", "SECRET=x"])


class Permit:
    reach_seconds = 1.5

    async def may_act(self):
        """Yes."""


async def test_of_several_daemons_the_warden_can_see_whose_program_it_is():
    with acting.bound(Permit()):
        ended = await run("/usr/bin/env", environment={"LC_ALL": "C"})
    assert ended.out == f"LC_ALL=C\nDRYDOCKD_DAEMON={os.getpid()}\n"


async def test_what_it_writes_and_its_exit_code_are_returned():
    ended = await run("/bin/sh", "-c", "echo out; echo err >&2; exit 7")
    assert ended == command.Ended(7, "out\n", "err\n")


async def test_it_has_no_standard_input():
    assert await run("/bin/cat") == command.Ended(0, "", "")


async def test_at_the_deadline_the_program_and_its_children_are_killed(tmp_path, children):
    family = Family(tmp_path)
    call = asyncio.create_task(run(*family.words, until=soon(0.5)))
    grandchild = await family.grandchild()
    with pytest.raises(TimeoutError):
        await call
    await gone(grandchild)
    assert not children()


async def test_a_cancelled_call_leaves_neither_the_program_nor_its_children(tmp_path, children):
    family = Family(tmp_path)
    call = asyncio.create_task(run(*family.words))
    grandchild = await family.grandchild()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await gone(grandchild)
    assert not children()


async def test_a_call_cancelled_before_it_awaited_anything_leaves_nothing(children):
    call = asyncio.create_task(run("/bin/sleep", "1000"))
    while not children():
        await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert not children()


async def test_a_child_that_the_program_leaves_behind_is_killed_with_its_end(tmp_path):
    fifo = tmp_path / "number"
    os.mkfifo(fifo)
    call = asyncio.create_task(run("/bin/sh", "-c", f"sleep 1000 & echo $! > {fifo}; echo done"))
    left = int(await asyncio.to_thread(fifo.read_text))
    assert (await call).out == "done\n"
    await gone(left)


async def test_a_program_that_ignores_every_signal_but_kill_is_killed(children):
    with pytest.raises(TimeoutError):
        await run(
            "/bin/sh", "-c", "trap '' TERM INT HUP; while :; do sleep 9; done", until=soon(0.3)
        )
    assert not children()


async def test_output_beyond_the_bound_ends_the_program(children):
    with pytest.raises(command.OutputTooLong):
        await run("/bin/cat", "/dev/zero", largest_bytes=100_000)
    assert not children()


async def test_output_up_to_the_bound_is_whole():
    ended = await run("/usr/bin/head", "-c", "100000", "/dev/zero", largest_bytes=100_000)
    assert len(ended.out) == 100_000


async def test_a_program_that_was_killed_says_by_which_signal():
    ended = await run("/bin/sh", "-c", "kill -9 $$")
    assert ended.code == -signal.SIGKILL


async def test_a_program_that_is_not_there_is_an_error_and_no_child(children):
    with pytest.raises(FileNotFoundError):
        await run("/no/such/program")
    assert not children()


async def test_a_file_that_is_handed_over_can_be_read_by_its_number():
    fd = os.memfd_create("text")
    try:
        os.write(fd, b"handed over")
        ended = await run("/bin/cat", f"/proc/self/fd/{fd}", pass_fds=(fd,))
    finally:
        os.close(fd)
    assert ended.out == "handed over"


async def test_no_more_file_descriptors_is_an_error_and_no_child(monkeypatch, children):
    def full(pid):
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(os, "pidfd_open", full)
    with pytest.raises(OSError, match="Too many"):
        await run("/bin/sleep", "1000")
    assert not children()


class SlowStart:
    """In place of Popen: starts a program only once it may."""

    def __init__(self, monkeypatch):
        self.popen, self.threads = subprocess.Popen, []
        self.asked, self.may = threading.Event(), threading.Event()
        monkeypatch.setattr(subprocess, "Popen", self)

    def __call__(self, *words, **more):
        self.threads.append(threading.current_thread())
        self.asked.set()
        assert self.may.wait(20)
        return self.popen(*words, **more)


async def test_the_loop_goes_on_while_a_program_is_started(monkeypatch):
    start = SlowStart(monkeypatch)
    call = asyncio.create_task(run("/bin/true"))
    await asyncio.to_thread(start.asked.wait)
    start.may.set()
    assert (await call).code == 0
    assert start.threads != [threading.main_thread()]


async def test_a_call_cancelled_while_its_program_is_started_leaves_none(monkeypatch, children):
    start = SlowStart(monkeypatch)
    call = asyncio.create_task(run("/bin/sleep", "1000"))
    await asyncio.to_thread(start.asked.wait)
    call.cancel()
    await asyncio.sleep(0)
    assert not call.done()
    start.may.set()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert not children()


async def test_a_call_cancelled_before_its_turn_to_start_starts_nothing(monkeypatch, children):
    start, starter = SlowStart(monkeypatch), command.Starter()
    first = asyncio.create_task(run("/bin/true", starter=starter))
    await asyncio.to_thread(start.asked.wait)
    second = asyncio.create_task(run("/bin/sleep", "1000", starter=starter))
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.wait([second])
    start.may.set()
    assert (await first).code == 0
    assert len(start.threads) == 1
    assert not children()


async def test_the_deadline_also_ends_a_start_that_takes_too_long(monkeypatch, children):
    start = SlowStart(monkeypatch)
    asyncio.get_running_loop().call_later(0.2, start.may.set)
    with pytest.raises(TimeoutError):
        await run("/bin/sleep", "1000", until=soon(0.05))
    assert not children()


async def test_many_at_once_keep_their_outputs_apart():
    calls = (run(sys.executable, "-S", "-c", f"print({n})") for n in range(20))
    assert [ended.out for ended in await asyncio.gather(*calls)] == [f"{n}\n" for n in range(20)]


QUESTION = command.Question("n1", "read the power", "BMC 10.0.0.1")


@pytest.mark.parametrize(
    ("words", "seconds", "error", "text"),
    [
        (("sleep", "1000"), 0.05, DriverTransient, "no answer from BMC 10.0.0.1 within 0.05 s"),
        (("yes",), LATER, DriverPersistent, "the answer of BMC 10.0.0.1 is over 1000 bytes"),
        (("/no/tool",), LATER, DriverTransient, "/no/tool cannot be started: No such file"),
    ],
)
async def test_what_keeps_a_question_from_its_answer_is_told_with_who_was_asked(
    words, seconds, error, text
):
    with pytest.raises(error, match=f"^n1: read the power: {re.escape(text)}"):
        await command.ask(
            QUESTION,
            words,
            environment={"PATH": os.defpath},
            seconds=seconds,
            until=soon(),
            starter=command.Starter(),
            largest_bytes=1000,
        )


async def test_an_answer_is_returned_with_how_the_program_ended():
    ended = await command.ask(
        QUESTION,
        ("/bin/sh", "-c", "echo on; exit 3"),
        environment={},
        seconds=LATER,
        until=soon(),
        starter=command.Starter(),
    )
    assert (ended.code, ended.out) == (3, "on\n")
