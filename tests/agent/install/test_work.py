"""The agent's whole life, against the real boot listener and against servers that are not well."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest

from drydockd.agent.install import hardware, wipe, work
from drydockd.agent.install.configure import BadPath
from drydockd.agent.install.disks import NoMatch
from drydockd.agent.install.filesystems import CannotMake
from drydockd.agent.install.loader import BadOptions, NoKernel
from drydockd.agent.install.programs import ToolFailed
from drydockd.agent.install.steps import NotUnderstood
from drydockd.agent.install.talk import NotTaken, OutOfTime, Refused, Untrusted
from drydockd.agent.install.unpack import WrongImage
from drydockd.agent.install.work import REBOOT_AFTER_SECONDS, Agent, Start
from drydockd.drivers.node.netboot import machine as ways
from drydockd.drivers.node.netboot.listener import BootListener, Services
from drydockd.drivers.node.netboot.machine import Phase
from drydockd.machines import NodeState
from tests.agent.install.rig import Answer, quiet, serving
from tests.agent.install.test_steps import a_plan
from tests.drivers.node.netboot.shelves import MAC
from tests.drivers.node.netboot.test_boots import READY, Room


@pytest.fixture(autouse=True)
def a_machine(monkeypatch):
    """The machine of the tests is not read, and above all not written."""
    told = {"mac": MAC, "macs": [MAC], "lshw": "<node/>", "uuid": "u-1", "serial": "S-1"}
    monkeypatch.setattr(hardware, "inventory", lambda mac, programs: told)
    monkeypatch.setattr(hardware, "dmi", lambda: {"uuid": "u-1", "serial": "S-1"})
    monkeypatch.setattr(hardware, "nics_of", lambda: [{"mac": MAC}])
    monkeypatch.setattr(work.disks, "disks_of", list)
    monkeypatch.setattr(wipe, "release", lambda programs: None)


class Lab:
    """A room whose listener can be stopped and started again at the same port."""

    def __init__(self, room):
        self.room, self.port, self.listener = room, 0, None

    async def start(self):
        blob = Path(__file__)
        services = Services(self.room.boots, lambda sha256: (blob, b""), lambda sha256: blob, 1)
        self.listener = BootListener(services)
        self.listener.start(f"127.0.0.1:{self.port}")
        self.port = self.listener.port

    async def agent(self, token=None, **options):
        token = await self.room.token() if token is None else token
        options.setdefault("pause", lambda seconds: None)
        return Agent(Start(f"http://127.0.0.1:{self.port}", MAC, token), journal=quiet(), **options)


async def a_lab(phase, **fields):
    machine = ways.begun(READY, phase, deployment_id="d1", plan="p")
    lab = Lab(await Room(replace(machine, **fields)).filled())
    lab.room.plan = a_plan()
    await lab.start()
    return lab


async def lived(agent, seconds=30):
    return await asyncio.wait_for(asyncio.to_thread(agent.live), seconds)


async def test_inspected():
    lab = await a_lab(Phase.INSPECT)
    assert await lived(await lab.agent()) == "poweroff"
    assert lab.room.machine.state is NodeState.READY
    assert "<node/>" in {blob.decode() for blob in lab.room.shelf.blobs.values()}
    await lab.listener.stop()


async def test_an_inspection_that_fails_is_reported_with_its_reason_and_log(monkeypatch):
    def fail(mac, programs):
        raise ToolFailed("lshw -xml ended with status 127")

    monkeypatch.setattr(hardware, "inventory", fail)
    lab = await a_lab(Phase.INSPECT)
    assert await lived(await lab.agent()) == "poweroff"
    machine = lab.room.machine
    assert machine.state is NodeState.FAILED_COMMISSION
    assert machine.reason == "ToolFailed: lshw -xml ended with status 127"
    assert b"status 127" in lab.room.shelf.blobs[machine.documents["log-inspect"]]
    await lab.listener.stop()


async def test_an_inspection_that_fails_under_a_server_of_before_reboots(monkeypatch):
    monkeypatch.setattr(hardware, "inventory", lambda mac, programs: {}["lshw"])
    lab = await a_lab(Phase.INSPECT)
    agent = await lab.agent()
    hello = agent._hello
    agent._hello = lambda: {key: told for key, told in hello().items() if key != "id"}
    assert await lived(agent) == "reboot"
    assert lab.room.machine.state is NodeState.COMMISSIONING
    await lab.listener.stop()


async def test_wiped():
    lab = await a_lab(Phase.WIPE)
    assert await lived(await lab.agent()) == "poweroff"
    assert lab.room.machine.is_done
    await lab.listener.stop()


async def test_a_failed_installation_is_reported_with_its_reason_and_log():
    lab = await a_lab(Phase.INSTALL)
    assert await lived(await lab.agent()) == "poweroff"
    machine = lab.room.machine
    assert machine.state is NodeState.FAILED_DEPLOY
    assert machine.reason == "NoMatch: no disk with serial S-file; there are: none"
    (log,) = lab.room.shelf.blobs.values()
    assert b"-- match" in log
    await lab.listener.stop()


@pytest.mark.parametrize(
    ("error", "is_final"),
    [
        (MemoryError("x"), False), (RuntimeError("y"), False), (OSError(28, "z"), False),
        # Programs, mirrors and networks may be better the next time.
        (ToolFailed("apt-get install p: exit status 100"), False), (OutOfTime("no answer"), False),
        (NoMatch("no disk"), True), (NoMatch("too small"), True), (WrongImage("sha256"), True),
        (Refused("404: image gone"), True), (Untrusted("certificate"), True),
        (NotUnderstood("version"), True), (CannotMake("zfs"), True), (BadPath("/../x"), True),
        (BadOptions("quote"), True), (NoKernel("6.1"), True), (NotTaken("full disk"), True),
    ],
)  # fmt: skip
async def test_whatever_is_raised_is_the_end_of_the_command(monkeypatch, error, is_final):
    def fail(self):
        raise error

    monkeypatch.setattr(work.Installation, "run", fail)
    lab = await a_lab(Phase.INSTALL)
    assert await lived(await lab.agent()) == "poweroff"
    assert lab.room.machine.reason == f"{type(error).__name__}: {error}"
    assert lab.room.machine.is_final is is_final
    await lab.listener.stop()


@pytest.mark.parametrize("before", ["hello", "command", "progress", "end", "poweroff"])
async def test_a_server_that_restarts_between_any_two_requests(before):
    """The agent is told by its own pause that nobody answers; then the server comes again."""
    lab = await a_lab(Phase.INSTALL)
    loop, seen = asyncio.get_running_loop(), []

    def on_pause(seconds):
        seen.append(seconds)
        if lab.listener is None:
            asyncio.run_coroutine_threadsafe(lab.start(), loop).result(10)

    agent = await lab.agent(pause=on_pause)
    real, counts = agent._server._open, {"command": 0}

    def opened(path, *rest):
        word = path.rpartition("/")[2].partition("?")[0]
        if word == "command":
            counts["command"] += 1
            word = "poweroff" if counts["command"] > 1 and before == "poweroff" else word
        if word == before and not seen and lab.listener is not None:
            asyncio.run_coroutine_threadsafe(lab.listener.stop(), loop).result(10)
            lab.listener = None
        return real(path, *rest)

    agent._server._open = opened
    assert await lived(agent) == "poweroff"
    assert seen
    assert lab.room.machine.state is NodeState.FAILED_DEPLOY
    await lab.listener.stop()


@pytest.mark.parametrize("lost", ["hello", "progress", "end"])
async def test_an_answer_that_is_lost_is_given_again(lost):
    lab = await a_lab(Phase.INSTALL)
    agent = await lab.agent()
    real, left = agent._server._open, [lost]

    def opened(path, *rest):
        answer = real(path, *rest)
        if left and path.endswith(left[0]):
            left.clear()
            answer.close()
            raise ConnectionResetError("cut after the server had answered")
        return answer

    agent._server._open = opened
    assert await lived(agent) == "poweroff"
    assert not left
    assert lab.room.machine.reason.startswith("NoMatch: ")
    await lab.listener.stop()


async def test_a_token_that_is_void_dismisses_and_is_said_nowhere():
    lab = await a_lab(Phase.INSTALL)
    token = "525400000001." + "ab" * 32
    agent = await lab.agent(token)
    assert await lived(agent) == "poweroff"
    assert "dismissed: 401" in agent._journal.text()
    assert "ab" * 8 not in agent._journal.text() + repr(agent._start)
    await lab.listener.stop()


async def test_no_secret_is_in_the_log():
    lab = await a_lab(Phase.INSTALL)
    lab.room.plan = a_plan(boot={"url": "http://x", "key": "5ec4e7" * 8, "hostname": "n1"})
    agent = await lab.agent()
    await lived(agent)
    kept = b"".join(lab.room.shelf.blobs.values()).decode() + agent._journal.text()
    for secret in (agent._start.token, agent._server.token, "5ec4e7"):
        assert secret not in kept
    await lab.listener.stop()


# -- servers that are not well


def alone(url, token="t", pauses=None, **options):
    pause = (lambda seconds: None) if pauses is None else pauses.append
    return Agent(Start(url, MAC, token), journal=quiet(), pause=pause, **options)


def test_out_of_time_is_a_reboot_after_five_minutes():
    pauses = []
    with serving([Answer(503)]) as s:
        assert alone(s.url, pauses=pauses, phase_seconds=0.5).live() == "reboot"
    assert pauses[-1] == REBOOT_AFTER_SECONDS == 300


@pytest.mark.parametrize(
    "answer", [Answer(404), Answer(400), Answer(body=b"{}"), Answer(body=b"[]")]
)
def test_a_server_that_is_none_of_ours_is_a_reboot_too(answer):
    pauses = []
    with serving([answer]) as s:
        assert alone(s.url, pauses=pauses).live() == "reboot"
    assert pauses[-1] == 300


def by_path(*commands):
    left, ends = list(commands), []

    def answer(handler):
        if handler.path == "/boot/hello":
            return Answer(body=b'{"session": "s", "phase": "install"}')
        if handler.path.startswith("/boot/command"):
            return Answer(body=json.dumps(left.pop(0)).encode())
        return Answer()

    answer.ends = ends
    return answer


def test_a_command_of_a_newer_server_is_answered_not_asked_for_for_ever():
    with serving(by_path({"id": "1", "do": "dance"}, {"do": "reboot"})) as s:
        assert alone(s.url).live() == "reboot"
        (end,) = [json.loads(ask[3]) for ask in s.asked if ask[1] == "/boot/end"]
    assert (end["ok"], end["error"]) == (
        False, "NotUnderstood: the command dance is of a newer server",
    )  # fmt: skip


def test_a_server_that_answers_wait_at_once_is_not_asked_without_pause():
    pauses = []
    with serving(by_path({"do": "wait"}, {"do": "wait"}, {"do": "poweroff"})) as s:
        assert alone(s.url, pauses=pauses).live() == "poweroff"
    assert pauses == [1, 1]


def test_a_machine_without_authority_reports_itself_and_no_more():
    with serving([Answer()]) as s:
        assert alone(s.url, token="").live() == "poweroff"
        assert [(ask[0], ask[1]) for ask in s.asked] == [("POST", "/boot/inventory")]
        assert "Authorization" not in s.asked[0][2]


def test_the_command_line():
    start = Start.read("quiet drydock.url=http://a:1?x=y drydock.mac=52:54:00:AB:00:01 "
                       "drydock.token=secret\n")  # fmt: skip
    assert (start.url, start.mac) == ("http://a:1?x=y", "52:54:00:ab:00:01")
    assert start.token == "secret"
    assert "secret" not in repr(start)
    with pytest.raises(KeyError, match=r"drydock\.url"):
        Start.read("quiet")
