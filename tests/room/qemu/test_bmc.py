import stat
import subprocess

import pytest

from drydockd.errors import Unavailable
from drydockd.room.qemu.bmc import CHASSIS, Bmc, machine_script
from tests.peers.ipmi import free_udp_port


@pytest.fixture
def bmc(tmp_path):
    made = Bmc(tmp_path / "bmc", "n1", "127.0.0.1", free_udp_port(), "admin", "s3cret")
    made.write_files()
    made.program("machine", MACHINE)
    yield made
    made.stop()


# A process in the background, that says from what it started.
MACHINE = """\
#!/bin/sh
echo "$1" >> starts
sleep 600 >/dev/null 2>&1 &
echo $! > pid
"""


def hook(bmc, *words):
    done = subprocess.run([bmc.folder / "chassis", *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_hook_starts_the_machine_once_and_kills_it(bmc):
    assert hook(bmc, "get", "power") == "power:0"
    hook(bmc, "set", "power", "1")
    hook(bmc, "set", "power", "1")
    assert hook(bmc, "get", "power") == "power:1"
    hook(bmc, "set", "power", "0")
    assert hook(bmc, "get", "power") == "power:0"
    assert bmc.read("starts") == "default"


def test_a_boot_device_is_for_one_start(bmc):
    hook(bmc, "set", "boot", "pxe")
    assert hook(bmc, "get", "boot") == "boot:pxe"
    for _ in range(2):
        hook(bmc, "set", "power", "1")
        hook(bmc, "set", "power", "0")
    assert bmc.read("starts").split() == ["pxe", "default"]


def test_a_machine_that_does_not_start_is_an_error_of_the_hook_and_its_words_are_kept(bmc):
    bmc.program("machine", "#!/bin/sh\necho no memory >&2\nexit 1\n")
    done = subprocess.run([bmc.folder / "chassis", "set", "power", "1"], check=False)
    assert done.returncode == 1
    assert bmc.read("machine.log") == "no memory"


def test_the_password_is_for_its_owner_only(bmc):
    assert stat.S_IMODE((bmc.folder / "lan.conf").stat().st_mode) == 0o600
    assert "s3cret" not in repr(bmc)


def test_the_program_of_a_machine_has_both_ways_to_start(tmp_path):
    program = tmp_path / "machine"
    program.write_text(machine_script(["echo", "from the network"], ["echo", "from disk"]))
    for order, said in (("pxe", "from the network"), ("default", "from disk")):
        done = subprocess.run(["sh", program, order], capture_output=True, text=True)
        assert done.stdout.strip() == said


@pytest.mark.process
@pytest.mark.peer("ipmi")
def test_one_that_cannot_start_says_why(bmc):
    bmc.write("sim.emu", "no such command\n")
    bmc.start()
    with pytest.raises(Unavailable, match=r"n1 does not answer at 127.0.0.1:\d+; ipmi_sim said"):
        bmc.wait()


def test_the_default_hook_is_a_script_that_a_shell_reads():
    assert subprocess.run(["sh", "-n"], input=CHASSIS, text=True).returncode == 0
