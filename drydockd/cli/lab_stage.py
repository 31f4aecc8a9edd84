"""What a lab deploys and with which drivers: pretend machines of the room, or QEMU's."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from drydockd.errors import DrydockError
from drydockd.images import build, cache
from drydockd.images.recipes import SUITES, Recipe
from drydockd.images.workshop import Say
from drydockd.room.qemu import host
from drydockd.room.qemu.certificate import write_certificate
from drydockd.room.qemu.machine import Firmware
from drydockd.room.qemu.room import REDFISH_PORT, QemuRoom, qemu_room
from drydockd.room.qemu.site import site_text

IMAGE = "debian-12"
AGENT = Recipe("agent", SUITES[IMAGE], "cloud")
SYSTEM = Recipe(IMAGE, SUITES[IMAGE], "cloud")
BOOT_PORT, BOOT_TLS_PORT = 9100, 9500
BMC_OPTIONS: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "ipmi": {"pyghmi_driver": {"poll_interval": 2}},
    # On addresses of this host alone.
    "redfish": {"redfish_driver": {"use_ssl": False, "port": REDFISH_PORT}},
}
# An emulated machine on a busy host takes its time.
HELLO_SECONDS, FIRST_BOOT_SECONDS = 1200.0, 1800.0
NODE_MINUTES = 60


class LabTrouble(Exception):
    """The lab cannot start; the text says why."""


@dataclass(frozen=True, slots=True)
class Stage:
    """`settings` are sections of the daemon's configuration; `addresses` of this host are those at
    which it must listen besides loopback."""

    site: Path
    settings: Mapping[str, Any]
    addresses: tuple[str, ...] = ()
    room: QemuRoom | None = field(default=None, repr=False)


def pretend_stage(site: Path, room: Path | None) -> Stage:
    fake = {} if room is None else {"config": str(room)}
    settings = {
        # The room answers at once; a real provisioner would be asked less often.
        "default": {"poll_interval": 1},
        # A site's own services are seldom in reach of a lab, and its machines run nothing.
        "bootactions": {"absent_sources": "stub"},
        "plugins": {
            "oob_driver": ("fake", "manual"),
            "node_driver": "fake",
            "kubernetes_driver": "fake",
        },
        "drivers": {"fake_driver": fake},
    }
    return Stage(site, settings)


def image_folder() -> Path:
    """Where labs keep agent and image for the next one."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "drydockd" / "images"


def check_host(machines: int, images: Path) -> str:
    """Return a sentence on what is to come. Raises LabTrouble saying what is missing."""
    missing = [
        what
        for what, name in (
            ("the agent", cache.agent_name(AGENT)),
            (f"the image {IMAGE}", cache.image_name(SYSTEM)),
        )
        if not cache.is_there(images, name)
    ]
    lacking = host.lacking(build.NEEDS if missing else {})
    if lacking:
        raise LabTrouble(f"machines of QEMU need: {'; '.join(lacking)}")
    return host.sentence(machines, os.cpu_count() or 1, missing)


@asynccontextmanager
async def qemu_stage(
    folder: Path,
    machines: int,
    images: Path,
    api_port: int,
    oob_type: str = "ipmi",
    firmware: Firmware | None = None,
) -> AsyncIterator[Stage]:
    """Make agent, image, machines and their site. Raises LabTrouble."""
    log = folder / "images.log"
    try:
        agent, image = await _images(images, log)
        async with qemu_room(folder, machines, oob_type, firmware) as room:
            yield _qemu_stage(folder, room, images, agent, image, api_port)
    except DrydockError as error:
        raise LabTrouble(str(error)) from error


async def _images(images: Path, log: Path) -> tuple[str, str]:
    """Build what is not there; both at once, as each is the work of one processor for the most."""
    agent, image = await asyncio.gather(
        asyncio.to_thread(_built, cache.provide_agent, images, AGENT, log),
        asyncio.to_thread(_built, cache.provide_image, images, SYSTEM, log),
        # Neither is left at work behind an error of the other.
        return_exceptions=True,
    )
    return _whole(agent), _whole(image)


def _built(
    provide: Callable[[Path, Recipe, Say], str], images: Path, recipe: Recipe, log: Path
) -> str:
    with log.open("a", encoding="utf-8", buffering=1) as file:
        return provide(images, recipe, lambda line: print(f"{recipe.name}: {line}", file=file))


def _whole(made: str | BaseException) -> str:
    if isinstance(made, BaseException):
        raise made
    return made


def _qemu_stage(
    folder: Path, room: QemuRoom, images: Path, agent: str, image: str, api_port: int
) -> Stage:
    site = folder / "site.yaml"
    site.write_text(
        site_text(
            room.plan,
            room.machines,
            image=image,
            credential=room.credential,
            oob_type=room.oob_type,
        ),
        encoding="utf-8",
    )
    site.chmod(0o600)
    boot, system = room.plan.boot_address(0), room.plan.system_address(0)
    port, tls_port = BOOT_PORT + room.plan.number, BOOT_TLS_PORT + room.plan.number
    certificate, key = write_certificate(folder, (boot, system))
    settings = {
        "default": {"poll_interval": 2},
        # The agent fetches boot data on the network it boots from, the system reports on its own.
        "api": {"public_url": f"http://{boot}:{api_port}"},
        "bootactions": {"report_url": f"http://{system}:{api_port}/api/v1.0/bootactions/"},
        "plugins": {
            "oob_driver": (room.oob_type,),
            "node_driver": "netboot",
            "kubernetes_driver": "fake",
        },
        "timeouts": dict.fromkeys(
            ("identify_node", "configure_hardware", "apply_node_networking", "deploy_node"),
            NODE_MINUTES,
        ),
        "drivers": {
            **BMC_OPTIONS[room.oob_type],
            "netboot_driver": {
                "base_url": f"http://{boot}:{port}",
                "listen": f"0.0.0.0:{port}",
                "tls_cert": str(certificate),
                "tls_key": str(key),
                "tls_listen": f"0.0.0.0:{tls_port}",
                "report_url": f"https://{system}:{tls_port}",
                "images": str(images),
                "agent": agent,
                "state": str(folder / "netboot"),
                "console": ("ttyS0,115200n8",),
                "hello_seconds": HELLO_SECONDS,
                "first_boot_seconds": FIRST_BOOT_SECONDS,
            },
        },
    }
    return Stage(site, settings, (boot, system), room)


def listening(address: str, port: int) -> socket.socket:
    """Return a socket that listens. Raises OSError."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((address, port))
    except OSError:
        listener.close()
        raise
    listener.listen(1024)
    listener.setblocking(False)
    return listener
