"""An IPMI BMC whose machine is a process: ipmi_sim of OpenIPMI with a hook of ours.

The hook keeps what it is told in files of the BMC's folder; ``./machine ORDER`` of that folder
(ORDER: what ``boot`` was set to) starts the machine and leaves its process id in ``pid``.
Source: ipmi_lan(5), ipmi_sim_cmd(5).
"""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from drydockd.errors import Unavailable

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
# A boot device is for one start. PID 1 may not reap: a dead process is off.
CHASSIS = """\
#!/bin/sh
cd "$(dirname "$0")" || exit 1
is_on() { grep -qs "^State:.[^ZX]" "/proc/$(cat pid 2>/dev/null || echo none)/status"; }
case "$1 $2 $3" in
"set power 1")
  is_on && exit 0
  ./machine "$(cat boot)" </dev/null >>machine.log 2>&1 || exit 1
  echo default > boot ;;
"set power 0")
  is_on && kill -9 "$(cat pid)"
  while is_on; do :; done ;;
"set "*) echo "$3" > "$2" ;;
"get power "*) is_on && echo power:1 || echo power:0 ;;
"get "*) echo "$2:$(cat "$2")" ;;
esac
"""
NO_LAN = "#!/bin/sh\nexit 0\n"
# Get Channel Authentication Capabilities, which every BMC answers before any login.
HELLO = bytes.fromhex("0600ff07000000000000000000092018c88100388e04b5")
START_SECONDS = 20.0


def machine_script(from_network: Sequence[str], from_disk: Sequence[str]) -> str:
    """Return the program ``machine`` of a machine with these two ways to start."""
    return (
        f'#!/bin/sh\nif [ "$1" = pxe ]; then\n  exec {shlex.join(from_network)}\nfi\n'
        f"exec {shlex.join(from_disk)}\n"
    )


@dataclass
class Bmc:
    """One ipmi_sim at `address` and `port`; what its hook keeps is in files of `folder`."""

    folder: Path
    name: str
    address: str
    port: int
    account: str
    credential: str = field(repr=False)
    guid: str = "n0t-s3t-by-4-man"
    more: str = ""
    chassis: str = CHASSIS
    process: subprocess.Popen[bytes] | None = None

    def write_files(self) -> None:
        """Make the folder and all that ipmi_sim reads in it."""
        (self.folder / "state").mkdir(parents=True, exist_ok=True)
        lan = LAN.format(
            name=self.name, address=self.address, port=self.port, guid=self.guid,
            folder=self.folder, account=self.account, credential=self.credential,
        )  # fmt: skip
        # It holds the password.
        handle = os.open(self.folder / "lan.conf", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(lan)
        self.write("sim.emu", EMULATOR.format(more=self.more))
        self.write("boot", "default\n")
        self.program("lan", NO_LAN)
        self.program("chassis", self.chassis)

    def program(self, name: str, text: str) -> None:
        self.write(name, text)
        (self.folder / name).chmod(0o755)

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text, encoding="utf-8")

    def read(self, name: str) -> str:
        return (self.folder / name).read_text(encoding="utf-8", errors="replace").strip()

    def start(self) -> None:
        """Start it; `wait` returns when it answers. It ends with its standard input."""
        words = ["ipmi_sim", "-c", "lan.conf", "-f", "sim.emu", "-s", "state", "-n"]
        with (self.folder / "output").open("ab") as output:
            self.process = subprocess.Popen(  # noqa: S603
                words, cwd=self.folder, stdin=subprocess.PIPE, stdout=output, stderr=output
            )

    def wait(self) -> None:
        """Return when it answers. Raises Unavailable with the end of what it said."""
        assert self.process is not None  # noqa: S101
        until = time.monotonic() + START_SECONDS
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(0.05)
            client.connect((self.address, self.port))
            while time.monotonic() < until:
                with contextlib.suppress(TimeoutError, ConnectionRefusedError):
                    client.send(HELLO)
                    client.recv(512)
                    return
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self.process.wait(0.02)
                    break
        raise Unavailable(
            f"the BMC of {self.name} does not answer at {self.address}:{self.port}; "
            f"ipmi_sim said: {self.read('output')[-2000:]}"
        )

    def stop(self) -> None:
        """End it, and its machine with it."""
        if (self.folder / "pid").exists():
            with contextlib.suppress(ProcessLookupError, ValueError):
                os.kill(int(self.read("pid")), signal.SIGKILL)
        if self.process is not None and self.process.stdin is not None:
            self.process.kill()
            self.process.stdin.close()
            self.process.wait()
