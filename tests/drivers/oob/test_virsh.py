"""virsh on a hypervisor: its ssh, its slots, what its words mean."""

import asyncio
import os
import shutil
import stat
import subprocess
import sys

import pytest

from drydockd import acting
from drydockd.drivers.oob import command, dial, virsh
from drydockd.drivers.oob.command import Ended
from drydockd.drivers.oob.virsh import Hypervisor, Slots, Virsh
from drydockd.errors import DriverPersistent, DriverTransient

AT = Hypervisor("n1", "qemu+ssh://me@h/system", "qemu+ssh://me@h")
CONNECTION = "error: failed to connect to the hypervisor\n"


def later():
    return asyncio.get_running_loop().time() + 3600


class Runs:
    """In place of `command.run`: notes what was to be run, and ends as told."""

    def __init__(self, ended):
        self.ended = ended
        self.words = self.environment = None

    async def __call__(self, words, *, environment, **more):
        self.words, self.environment = words, environment
        if isinstance(self.ended, Exception):
            raise self.ended
        return self.ended


@pytest.fixture
def ask(monkeypatch, tmp_path, programs):
    """Ask a hypervisor that says: ``await ask(Ended(...))``; ``.runs`` is what was run."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    class Ask:
        tool = Virsh(command_seconds=20, connections=2, keyfile=None, hosts=None)

        async def __call__(self, ended, tool=None):
            self.runs = Runs(ended)
            monkeypatch.setattr(command, "run", self.runs)
            return await (tool or self.tool).run(AT, "look", "dominfo n1", until=later())

    return Ask()


async def test_it_keeps_the_connection_alive_and_asks_nobody_anything(ask):
    assert await ask(Ended(0, "out", "")) == "out"
    assert ask.runs.words[1:6] == ["-k", "5", "-K", "3", "-c"]
    assert ask.runs.words[6].startswith("qemu+ssh://me@h/system?no_tty=1&command=")
    assert ask.runs.words[7:] == ["dominfo n1"]


async def test_ssh_gets_a_configuration_of_ours_then_that_of_the_daemons_user(ask, tmp_path):
    tool = Virsh(
        command_seconds=20, connections=2, keyfile=tmp_path / "a key", hosts=tmp_path / "hosts"
    )
    await ask(Ended(0, "", ""), tool)
    [folder] = tmp_path.iterdir()
    config = (folder / "ssh_config").read_text()
    for line in (
        "BatchMode yes",
        "ConnectTimeout 10",
        "ServerAliveInterval 5",
        "StrictHostKeyChecking yes",
        f'IdentityFile "{tmp_path}/a key"',
        f'UserKnownHostsFile "{tmp_path}/hosts"',
        "Include ~/.ssh/config",
    ):
        assert line in config
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert f"-F {folder}/ssh_config" in (folder / "ssh").read_text()
    await tool.close()
    assert not folder.exists()


async def test_a_folder_that_was_tidied_away_is_made_anew(ask, tmp_path):
    await ask(Ended(0, "", ""))
    [folder] = tmp_path.iterdir()
    (folder / "ssh").unlink()
    await ask(Ended(0, "", ""))
    assert any((other / "ssh").exists() for other in tmp_path.iterdir())


async def test_the_environment_is_ours_but_for_the_agent(ask, monkeypatch):
    monkeypatch.setenv("SSH_AUTH_SOCK", "/run/agent")
    monkeypatch.setenv("DRYDOCKD_KEYSTONE_AUTHTOKEN__PASSWORD", "secret")
    await ask(Ended(0, "", ""))
    assert sorted(ask.runs.environment) == ["HOME", "LC_ALL", "PATH", "SSH_AUTH_SOCK"]
    monkeypatch.delenv("SSH_AUTH_SOCK")
    await ask(Ended(0, "", ""))
    assert "SSH_AUTH_SOCK" not in ask.runs.environment
    assert os.environ["DRYDOCKD_KEYSTONE_AUTHTOKEN__PASSWORD"]


# As virsh 9.0 and OpenSSH 9.2 said it.
@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("error: failed to get domain 'n1'\n", DriverPersistent),
        (
            f"{CONNECTION}error: Cannot recv data: Host key verification failed.: Connection reset "
            "by peer\n",
            DriverPersistent,
        ),
        (
            f"{CONNECTION}error: Cannot recv data: no such identity: /k: No such file\n"
            "root@127.0.0.1: Permission denied (publickey).: Connection reset by peer\n",
            DriverPersistent,
        ),
        (
            f"{CONNECTION}error: Cannot recv data: libvirt:  error : cannot execute binary /x/ssh: "
            "Permission denied: Connection reset by peer\n",
            DriverPersistent,
        ),
        (
            f"{CONNECTION}error: End of file while reading data: sh: 1: nc: not found: "
            "Input/output error\n",
            DriverPersistent,
        ),
        (
            f"{CONNECTION}error: Cannot recv data: ssh: connect to host 127.0.0.1 port 9: "
            "Connection refused: Connection reset by peer\n",
            DriverTransient,
        ),
        (
            f"{CONNECTION}error: Cannot recv data: ssh: Could not resolve hostname h: Name or "
            "service not known: Connection reset by peer\n",
            DriverTransient,
        ),
        (
            "error: Failed to start domain 'n1'\nerror: internal error: process exited\n",
            DriverTransient,
        ),
        ("error: Domain is already active\n", DriverTransient),
        ("error: End of file while reading data: Input/output error\n", DriverTransient),
        ("", DriverTransient),
    ],
)
async def test_what_virsh_says_decides_whether_it_is_tried_again(ask, said, meant):
    with pytest.raises(meant, match=r"^n1: look: qemu\+ssh://me@h says: \S"):
        await ask(Ended(1, "", said))


async def test_a_line_of_the_definition_below_an_error_is_never_shown(ask):
    said = "error: Failed to define domain\nerror: XML error: line 3\npasswd='hunter2'\n---^\n"
    with pytest.raises(DriverPersistent) as caught:
        await ask(Ended(1, "", said))
    assert "XML error: line 3" in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("error", "meant", "seen"),
    [
        (TimeoutError(), DriverTransient, "no answer from qemu"),
        (command.OutputTooLong(), DriverPersistent, f"over {virsh.LARGEST_BYTES} bytes"),
        (OSError(12, "Cannot allocate memory"), DriverTransient, "cannot be started"),
    ],
)
async def test_a_virsh_that_does_not_end_well_is_an_error_of_that_node(ask, error, meant, seen):
    with pytest.raises(meant, match=seen):
        await ask(error)


async def test_only_so_many_hold_a_slot_of_one_name_and_none_is_remembered():
    slots, most, now = Slots(2), 0, 0

    async def hold(name):
        nonlocal most, now
        async with slots.hold(name):
            now += name == "a"
            most = max(most, now)
            await asyncio.sleep(0)
            now -= name == "a"

    await asyncio.gather(*(hold("a") for _ in range(9)), hold("b"))
    assert (most, len(slots)) == (2, 0)


async def test_a_hypervisor_kept_busy_by_others_is_transient(ask):
    soon = asyncio.get_running_loop().time() + 0.05
    async with ask.tool._slots.hold(AT.name), ask.tool._slots.hold(AT.name):
        with pytest.raises(DriverTransient, match=r"libvirt_driver\.connections"):
            await ask.tool.run(AT, "look", "dominfo n1", until=soon)


class Permit:
    reach_seconds = 1.5

    async def may_act(self):
        """Yes."""


async def test_of_several_daemons_one_connects_within_what_its_lease_allows(ask, tmp_path):
    with acting.bound(Permit()):
        await ask(Ended(0, "", ""))
    [folder] = tmp_path.iterdir()
    assert "    ConnectTimeout 1\n" in (folder / "ssh_config").read_text()
    assert "ProxyCommand" in (folder / "ssh_config").read_text()


def resolved(config, host):
    """What the real ssh makes of its configuration for a host."""
    ssh = shutil.which("ssh", path=os.defpath)
    words = [ssh, "-F", str(config), "-G", host]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


@pytest.mark.peer("libvirt")
async def test_of_several_daemons_one_has_ssh_forget_what_it_could_not_deliver_in_time(
    ask, tmp_path
):
    with acting.bound(Permit()):
        await ask(Ended(0, "", ""))
    [folder] = tmp_path.iterdir()
    shown = resolved(folder / "ssh_config", "h")

    [way] = [line for line in shown.splitlines() if line.startswith("proxycommand ")]
    assert way == f"proxycommand {sys.executable} -I -S {dial.__file__} %h %p 1.5"


async def test_a_daemon_alone_lets_ssh_connect_as_it_does(ask, tmp_path):
    await ask(Ended(0, "", ""))
    [folder] = tmp_path.iterdir()
    assert "ProxyCommand" not in (folder / "ssh_config").read_text()


@pytest.mark.peer("libvirt")
async def test_a_way_of_the_users_own_to_a_hypervisor_goes_before_ours(ask, tmp_path):
    with acting.bound(Permit()):
        await ask(Ended(0, "", ""))
    [folder] = tmp_path.iterdir()
    config = folder / "ssh_config"
    own = tmp_path / "own"
    own.write_text("Host h\n    ProxyJump gate\n")
    config.write_text(config.read_text().replace("~/.ssh/config", str(own)))
    h = resolved(config, "h")

    assert "proxyjump gate\n" in h
    assert "proxycommand" not in h
    assert dial.__file__ in resolved(config, "gate")
