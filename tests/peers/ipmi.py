"""Real IPMI BMCs for tests: ipmi_sim of OpenIPMI, one process each, power and boot in files.

`ipmi_sim` starts one: ``ipmi_sim("n1")``. Its chassis hook is a shell script; `chassis` of a test's
own may come instead, as that of the QEMU room with a `machine` that it starts.
"""

import contextlib
import socket
from dataclasses import dataclass

import pytest

from drydockd.room.qemu.bmc import Bmc

ACCOUNT, CREDENTIAL = "admin", "bmc-secret-4711"

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


def free_udp_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass
class IpmiSim(Bmc):
    """A BMC whose power is a word in a file."""

    @property
    def power(self) -> str:
        return {"1": "on", "0": "off"}[self.read("power")]

    @power.setter
    def power(self, state: str) -> None:
        self.write("power", "1\n" if state == "on" else "0\n")

    @property
    def boot(self) -> str:
        """``default``, ``pxe``, ``hd`` ... as the hook was told."""
        return self.read("boot")

    @property
    def told(self) -> list[str]:
        """What was set, in order: ``power 0``, ``boot pxe``."""
        lines = (self.folder / "log").read_text().splitlines()
        return [line.removeprefix("set ") for line in lines if line.startswith("set ")]


def build(
    folder,
    name: str,
    *,
    guid: str = "n0t-s3t-by-4-man",
    chassis: str = CHASSIS,
    machine: str | None = None,
    more: str = "",
    address: str = "127.0.0.1",
) -> IpmiSim:
    login = {"account": ACCOUNT, "credential": CREDENTIAL}
    sim = IpmiSim(
        folder, name, address, free_udp_port(), **login, guid=guid, more=more, chassis=chassis
    )
    sim.write_files()
    if machine is not None:
        sim.program("machine", machine)
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
