"""Real IPMI BMCs for tests: ipmi_sim of OpenIPMI, one process each, power and boot in files.

`ipmi_sim` starts one: ``ipmi_sim("n1")``. Its chassis hook is a shell script; `chassis` of a test's
own may come instead.
"""

import contextlib
import os
import signal
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

ACCOUNT, CREDENTIAL = "admin", "bmc-secret-4711"

LAN = """\
name "{name}"
set_working_mc 0x20
  startlan 1
    addr {address} {port}
    priv_limit admin
    allowed_auths_callback none md2 md5 straight
    allowed_auths_user none md2 md5 straight
    allowed_auths_operator none md2 md5 straight
    allowed_auths_admin none md2 md5 straight
    guid "{guid}"
    lan_config_program "{folder}/lan"
  endlan
  chassis_control "{folder}/chassis"
  user 1 true "" "test" user 10 none md2 md5 straight
  user 2 true "{account}" "{credential}" admin 10 none md2 md5 straight
"""
EMULATOR = """\
mc_setbmc 0x20
mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02 persist_sdr
sel_enable 0x20 1000 0x0a
{more}mc_enable 0x20
"""
# get NAME... | set NAME VALUE. A file `stuck`: power is told, and stays; `lag`: it reads as before
# for that many looks.
CHASSIS = """\
#!/bin/sh
cd "$(dirname "$0")" || exit 1
echo "$*" >> log
do="$1"; shift
if [ "$do" = set ]; then
  [ "$1" = power ] && [ -e stuck ] && exit 0
  [ "$1" = power ] && [ -s lag ] && cp power before
  echo "$2" > "$1.new" && mv "$1.new" "$1"
  exit 0
fi
for name in "$@"; do
  value="$(cat "$name" 2>/dev/null || echo 0)"
  if [ "$name" = power ] && [ -e before ]; then
    left="$(cat lag)"
    value="$(cat before)"
    echo $((left - 1)) > lag
    [ "$left" -le 1 ] && rm before
  fi
  echo "$name:$value"
done
"""
# Get Channel Authentication Capabilities, which every BMC answers before any login.
HELLO = bytes.fromhex("0600ff07000000000000000000092018c88100388e04b5")


def free_udp_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass
class IpmiSim:
    """One BMC; what its hook keeps is in files of `folder`."""

    folder: Path
    port: int
    address: str = "127.0.0.1"
    process: subprocess.Popen | None = None

    @property
    def power(self) -> str:
        return {"1": "on", "0": "off"}[self.read("power")]

    @power.setter
    def power(self, state: str) -> None:
        self.write("power", "1" if state == "on" else "0")

    @property
    def boot(self) -> str:
        """``default``, ``pxe``, ``hd`` ... as the hook was told."""
        return self.read("boot")

    @property
    def told(self) -> list[str]:
        """What was set, in order: ``power 0``, ``boot pxe``."""
        lines = (self.folder / "log").read_text().splitlines()
        return [line.removeprefix("set ") for line in lines if line.startswith("set ")]

    def read(self, name: str) -> str:
        return (self.folder / name).read_text().strip()

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(f"{text}\n")

    def start(self) -> None:
        words = ["ipmi_sim", "-c", "lan.conf", "-f", "sim.emu", "-s", "state", "-n"]
        with (self.folder / "output").open("ab") as output:
            # It ends with its standard input.
            self.process = subprocess.Popen(
                words, cwd=self.folder, stdin=subprocess.PIPE, stdout=output, stderr=output
            )

    def wait(self) -> None:
        """Return when it answers."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(0.05)
            client.connect((self.address, self.port))
            for _ in range(400):
                with contextlib.suppress(TimeoutError, ConnectionRefusedError):
                    client.send(HELLO)
                    client.recv(512)
                    return
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self.process.wait(0.02)
                    break
        pytest.fail(f"ipmi_sim does not answer: {self.read('output')[-2000:]}")

    def stop(self) -> None:
        # The machine of a hook that starts one.
        if (self.folder / "pid").exists():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(self.read("pid")), signal.SIGKILL)
        self.process.kill()
        self.process.stdin.close()
        self.process.wait()


def build(
    folder: Path,
    name: str,
    *,
    guid: str = "n0t-s3t-by-4-man",
    chassis: str = CHASSIS,
    more: str = "",
    address: str = "127.0.0.1",
) -> IpmiSim:
    (folder / "state").mkdir(parents=True)
    sim = IpmiSim(folder, free_udp_port(), address)
    values = {"name": name, "port": sim.port, "folder": folder, "guid": guid, "address": address}
    login = {"account": ACCOUNT, "credential": CREDENTIAL}
    (folder / "lan.conf").write_text(LAN.format(**values, **login))
    (folder / "sim.emu").write_text(EMULATOR.format(more=more))
    for program, text in (("lan", "#!/bin/sh\nexit 0\n"), ("chassis", chassis)):
        (folder / program).write_text(text)
        (folder / program).chmod(0o755)
    sim.write("boot", "default")
    sim.power = "off"
    (folder / "log").touch()
    return sim


@pytest.fixture
def ipmi_sim(tmp_path):
    """Start BMCs: ``ipmi_sim("n1")``, many at once with ``ipmi_sim("n1", "n2")`` (a list)."""
    with contextlib.ExitStack() as stack:

        def make(*names: str, **options):
            sims = []
            for name in names:
                sim = build(tmp_path / f"bmc-{name}", name, **options)
                sim.start()
                stack.callback(sim.stop)
                sims.append(sim)
            for sim in sims:
                sim.wait()
            return sims if len(names) > 1 else sims[0]

        yield make
