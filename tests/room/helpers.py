"""Shared by the tests of the drivers: quick rooms, design nodes, a daemon's boot data routes."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import io
import json
import tarfile
from collections import Counter

import tornado.web
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.testing import bind_unused_port

from drydockd.drivers.fake import FakeOptions
from drydockd.drivers.kubernetes.fake import FakeKubernetes
from drydockd.drivers.node.fake import FakeNodeProvisioner
from drydockd.drivers.oob.fake import FakeOob
from drydockd.plans import BootDelivery, DeploySpec
from drydockd.room.card import card_of
from drydockd.room.config import parse_config
from drydockd.room.remote import RemoteRoom
from drydockd.room.server import make_app
from drydockd.site import Addressing, Node

INSTANT = dict.fromkeys(
    ("bmc", "bmc_timeout", "power", "discovery", "commission", "deploy", "wipe", "first_boot"), 0
)
PATIENCE = {"retry_seconds": [0.01, 0.05], "give_up_seconds": 5}
KEY = "ab" * 32
ACTION = "01JDQ8Z7C0XQ2V3W4Y5Z6A7B8C"


def quick(**options):
    """A room configuration in which everything takes no time, unless `options` says else."""
    latencies = {**INSTANT, "report": 0, **options.pop("latencies", {})}
    reports = {**PATIENCE, **options.pop("reports", {})}
    return parse_config({"latencies": latencies, "reports": reports, **options})


def fault(kind, **more):
    return {"faults": [{"fault": kind, **more}]}


def a_node(name="n1", *, number=1, **fields):
    addressing = (
        Addressing("oob", "static", f"10.0.{number // 250}.{number % 250}"),
        Addressing("pxe", "static", f"10.1.{number // 250}.{number % 250}"),
    )
    known = {"oob_type": "ipmi", "oob_parameters": {"network": "oob"}, "addressing": addressing}
    return Node(name=name, **{**known, **fields})


def a_spec(deployment_id="d1", boot=None, **fields):
    return DeploySpec(deployment_id, "bionic", "ga-18.04", "local", boot=boot, **fields)


class Voice:
    """Remembers what drivers say."""

    def __init__(self):
        self.said = []
        self.sessions = []

    async def say(self, text, *, error=False):
        self.said.append((text, error))

    async def fence(self, session):
        self.sessions.append(session)


class Site:
    """A room's drivers, and the way of a node through them as the task steps go it."""

    def __init__(self, room=None, url=None, power_seconds=20):
        options = FakeOptions(url=url, power_seconds=power_seconds)
        near = None if url else room
        self.room = room
        self.oob = FakeOob(options, room=near)
        self.nodes = FakeNodeProvisioner(options, room=near)
        self.kubernetes = FakeKubernetes(options, room=near)
        self.voice = Voice()

    async def close(self):
        for driver in (self.oob, self.nodes, self.kubernetes):
            await driver.close()

    async def discover(self, node):
        await self.oob.set_network_boot(node, self.voice)
        await self.oob.power_off(node, self.voice)
        await self.oob.power_on(node, self.voice)
        await when(self.room, lambda machine: machine.state is not None, node)
        return await self.nodes.find(node)

    async def prepare(self, node):
        handle = await self.nodes.adopt(await self.discover(node), node)
        return await self.nodes.commission(handle, self.voice)

    async def deploy(self, node, spec=None):
        return await self.nodes.deploy(await self.prepare(node), spec or a_spec(), self.voice)


async def when(room, condition, node=None):
    """Wait until the node's machine (any node's: n1's) meets `condition`; return the machine."""
    machine = await room.bmc_power(card_of(node or a_node()))
    while not condition(machine):
        machine = await room.changed(machine.id, machine.revision)
    return machine


async def cancelled(task):
    """Cancel it and wait for its end."""
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


@contextlib.asynccontextmanager
async def served(room):
    """`room` over HTTP: yields the URL and the server."""
    socket, port = bind_unused_port()
    server = HTTPServer(make_app(room))
    server.add_sockets([socket])
    try:
        yield f"http://127.0.0.1:{port}", server
    finally:
        server.stop()
        await server.close_all_connections()


@contextlib.asynccontextmanager
async def far(room):
    """`room` as a RemoteRoom."""
    async with served(room) as (url, _):
        remote = RemoteRoom(url)
        yield remote
        await remote.close()


def tar_gz(*files, mode=0o644):
    """A tarball of (name, content) pairs, or of ready TarInfo objects."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", format=tarfile.GNU_FORMAT) as archive:
        for entry in files:
            if isinstance(entry, tarfile.TarInfo):
                archive.addfile(entry)
                continue
            name, content = entry
            content = content.encode() if isinstance(content, str) else content
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content), mode
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def gz(data):
    return gzip.compress(data)


UNIT = f"""[Service]
Type=oneshot
Environment=BOOTACTION_ID={ACTION} BOOTACTION_KEY={KEY}
ExecStart=/opt/prep.sh
"""


class Daemon:
    """The routes a node talks to, with the contract's answers. `trouble` is answered first."""

    def __init__(self):
        self.units = tar_gz(("/etc/systemd/system/prep.service", UNIT))
        self.files = tar_gz(("/opt/prep.sh", "#!/bin/sh\n"))
        self.boot_key = KEY
        self.trouble = []
        self.deaf = 0
        self.once = True
        self.fetched = Counter()
        self.posts = []
        self.final = {}
        self.url = ""

    def boot(self, hostname="n1"):
        return BootDelivery(self.boot_key, f"{self.url}/api/v1.0", hostname)

    @contextlib.asynccontextmanager
    async def running(self, port=None):
        if port is None:
            socket, port = bind_unused_port()
        else:
            [socket] = bind_sockets(port, "127.0.0.1")
        self.url = f"http://127.0.0.1:{port}"
        routes = [
            (r"/api/v1.0/bootactions/nodes/([^/]+)/(units|files)", _Fetch, {"daemon": self}),
            (r"/api/v1.0/bootactions/([^/]+)", _Post, {"daemon": self}),
        ]
        server = HTTPServer(tornado.web.Application(routes, log_function=lambda handler: None))
        server.add_sockets([socket])
        try:
            yield self
        finally:
            server.stop()
            await server.close_all_connections()


class _Handler(tornado.web.RequestHandler):
    def initialize(self, daemon):
        self.daemon = daemon

    def prepare(self):
        if self.daemon.trouble:
            self.set_status(self.daemon.trouble.pop(0))
            self.finish()
        elif self.request.headers.get("X-Bootaction-Key") != self.daemon.boot_key:
            self.set_status(403)
            self.finish()


class _Fetch(_Handler):
    def get(self, host, kind):
        self.daemon.fetched[host] += 1
        self.set_header("Content-Type", "application/gzip")
        self.finish(getattr(self.daemon, kind))


class _Post(_Handler):
    def post(self, action_id):
        body = json.loads(self.request.body)
        if action_id in self.daemon.final:
            self.set_status(409)
            self.finish()
            return
        self.daemon.posts.append((action_id, body))
        if (status := body.get("status")) and self.daemon.once:
            self.daemon.final[action_id] = status
        if self.daemon.deaf and status:
            # Recorded, but the answer never arrives.
            self.daemon.deaf -= 1
            self.request.connection.stream.close()
            return
        self.finish({})
