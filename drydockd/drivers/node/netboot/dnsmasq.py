"""The DHCP and TFTP server of the boot networks: dnsmasq, a child or a unit of its own, by files.

A configuration enters only when dnsmasq itself finds it right; leases survive in their file; one
reservation is one file, read at once. Source: dnsmasq(8); contract, netboot, section 9.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import signal
from collections.abc import Iterable, Sequence
from pathlib import Path

from drydockd.drivers.node.netboot.dhcpconf import (
    BIOS_FILE,
    UEFI_FILE,
    BootNetwork,
    Places,
    dnsmasq_conf,
    host_line,
)
from drydockd.drivers.node.netboot.ports import UDP_TABLES, is_served
from drydockd.drivers.options import Program
from drydockd.errors import DriverPersistent

log = logging.getLogger(__name__)

PROGRAM = Program("dnsmasq", "dnsmasq-base")
SETPRIV = Program("setpriv", "util-linux")
# Where Debian's ipxe puts what firmware starts first.
IPXE_FOLDER = Path("/usr/lib/ipxe")
UNIT = "drydockd-dnsmasq.service"
DHCP_PORT, TFTP_PORT, PROXY_PORT = 67, 69, 4011
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
STOP_SECONDS = 5.0
LAST_LINES = 20


class Dnsmasq:
    """One dnsmasq on files in `folder`. With `is_child` it is started and watched here, else it is
    a unit of the service manager, which starts it again when its configuration changes."""

    def __init__(
        self,
        folder: Path,
        base_url: str,
        *,
        is_child: bool = True,
        is_proxy: bool = False,
        ipxe: Path = IPXE_FOLDER,
        tables: Sequence[Path] = UDP_TABLES,
    ) -> None:
        self._folder = folder
        self._base_url = base_url
        self._is_child = is_child
        self._is_proxy = is_proxy
        self._ipxe = ipxe
        self._tables = tables
        self._child: asyncio.subprocess.Process | None = None
        self._watch: asyncio.Task[None] | None = None
        self._last: list[str] = []
        self._is_wanted = False
        self._changed = asyncio.Event()
        self.places = Places(folder / "leases", folder / "hosts", folder / "tftp")
        self.conf = folder / "dnsmasq.conf"
        self.released = folder / "released"
        self.running = folder / "running.conf"

    # -- files

    def prepare(self) -> None:
        """Make the folders and put there what firmware starts first. Raises DriverPersistent."""
        try:
            for place in (self.places.hosts, self.places.tftp):
                place.mkdir(parents=True, exist_ok=True)
            for name in (BIOS_FILE, UEFI_FILE):
                source, target = self._ipxe / name, self.places.tftp / name
                if not target.exists() or target.read_bytes() != source.read_bytes():
                    shutil.copyfile(source, target)
        except OSError as error:
            hint = " (apt-get install ipxe)" if error.filename and "ipxe" in str(error) else ""
            raise DriverPersistent(f"netboot: {error}{hint}") from error

    async def apply(self, networks: Sequence[BootNetwork]) -> bool:
        """Serve `networks`; return whether that is new. Raises DriverPersistent: what dnsmasq
        says against it, and the old configuration stays."""
        await asyncio.to_thread(self.prepare)
        text = ""
        if networks:
            text = dnsmasq_conf(networks, self.places, self._base_url, is_proxy=self._is_proxy)
        old = self.conf.read_text(encoding="utf-8") if self.conf.exists() else None
        if text != old:
            await self._enter(text)
        await self._serve(is_wanted=bool(networks), is_new=text != old)
        return text != old

    async def _enter(self, text: str) -> None:
        new = self.conf.with_suffix(".new")
        new.write_text(text, encoding="utf-8")
        if text:
            await self._test(new)
        os.replace(new, self.conf)
        if not self._is_child:
            # A rename over the watched file is not seen on every file system; this is.
            self.released.touch()

    async def _test(self, conf: Path) -> None:
        program = PROGRAM.path()
        if program is None:
            raise DriverPersistent(f"netboot needs {PROGRAM}")
        child = await asyncio.create_subprocess_exec(
            program, "--test", "-C", str(conf),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        said, _ = await child.communicate()
        if child.returncode:
            text = said.decode(errors="replace").strip()
            raise DriverPersistent(f"netboot: dnsmasq refuses its configuration: {text}")

    async def reserve(self, mac: str, address: str, name: str) -> None:
        """Give `mac` always this address. Raises DriverPersistent for a bad name."""
        line = host_line(mac, address, name)
        path = self._host_file(mac)
        if path.exists() and path.read_text(encoding="utf-8") == line:
            return
        self.places.hosts.mkdir(parents=True, exist_ok=True)
        # dnsmasq reads no dot files, and sees the rename at once.
        new = path.with_name(f".{path.name}")
        new.write_text(line, encoding="utf-8")
        os.replace(new, path)

    async def release(self, macs: Iterable[str]) -> None:
        """Forget reservations; dnsmasq forgets a removed file only when told."""
        gone = [path for mac in macs if (path := self._host_file(mac)).exists()]
        for path in gone:
            path.unlink()
        if gone and not self._is_child:
            self.released.touch()  # the .path unit looks at it
        if gone and self._child is not None and self._child.returncode is None:
            self._child.send_signal(signal.SIGHUP)

    def _host_file(self, mac: str) -> Path:
        return self.places.hosts / mac.replace(":", "")

    # -- the child

    def problem(self) -> str | None:
        """Why boot networks are not served, None if they are or none is."""
        if not self._is_wanted:
            return None
        if not self._is_child:
            return self._units_problem()
        if self._child is not None and self._child.returncode is None:
            return None
        said = self._last[-1] if self._last else "it said nothing"
        return f"dnsmasq does not run, it is started again; its last words: {said}"

    def _units_problem(self) -> str | None:
        ports = (PROXY_PORT,) if self._is_proxy else (DHCP_PORT,)
        silent = [port for port in (*ports, TFTP_PORT) if not is_served(port, self._tables)]
        if not silent:
            return self._unfollowed()
        return (
            f"nobody serves {' and '.join(f'udp/{port}' for port in silent)} on this host; see "
            f"systemctl status {UNIT} (it follows {self.conf})"
        )

    def _unfollowed(self) -> str | None:
        """A change that came while the .path unit was busy is missed by it: have it look again."""
        if self.running.exists() and self.running.read_bytes() == self.conf.read_bytes():
            return None
        self.released.touch()
        return f"{UNIT} has not taken the newest {self.conf}; systemctl restart {UNIT}"

    async def _serve(self, *, is_wanted: bool, is_new: bool) -> None:
        self._is_wanted = is_wanted
        if not self._is_child:
            return
        if self._watch is None and is_wanted:
            loop = asyncio.get_running_loop()
            self._watch = loop.create_task(self._keep_running(), name="netboot: dnsmasq")
        elif is_new or not is_wanted:
            await self._stop_child()
            self._changed.set()

    async def _keep_running(self) -> None:
        pause = FIRST_PAUSE
        while True:
            self._changed.clear()
            if self._is_wanted:
                began = asyncio.get_running_loop().time()
                code = await self._run()
                if self._changed.is_set():
                    pause = FIRST_PAUSE
                    continue
                if asyncio.get_running_loop().time() - began > LONGEST_PAUSE:
                    pause = FIRST_PAUSE
                log.error("netboot: dnsmasq ended with %s: %s", code, " | ".join(self._last[-3:]))
            try:
                async with asyncio.timeout(pause if self._is_wanted else None):
                    await self._changed.wait()
            except TimeoutError:
                pause = min(LONGEST_PAUSE, pause * 2)

    async def _run(self) -> int | None:
        program = PROGRAM.path()
        if program is None:
            self._last = [f"{PROGRAM} is not installed"]
            return None
        self._child = await asyncio.create_subprocess_exec(
            *_mortal(), program, "--no-daemon", "--pid-file=", "--user=root", "--group=root",
            "-C", str(self.conf),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        assert self._child.stdout is not None  # noqa: S101
        async for line in self._child.stdout:
            text = line.decode(errors="replace").rstrip()
            self._last = [*self._last[-LAST_LINES:], text]
            log.debug("netboot: dnsmasq: %s", text)
        return await self._child.wait()

    async def _stop_child(self) -> None:
        child = self._child
        if child is None or child.returncode is not None:
            return
        child.terminate()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await child.wait()
        except TimeoutError:
            child.kill()
            await child.wait()

    async def close(self) -> None:
        self._is_wanted = False
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
            self._watch = None
        await self._stop_child()


def _mortal() -> tuple[str, ...]:
    """What goes before a command that is to end with this process, even if that is killed: else it
    keeps its ports from the next one. Changing its group, dnsmasq would lose this; setpriv(1)."""
    program = SETPRIV.path()
    return () if program is None else (program, "--pdeathsig", "TERM")
