"""What the tests of the driver `maas` make: options, nodes, a voice, cut connections."""

from __future__ import annotations

import itertools

import httpx

from drydockd.drivers.node.maas.client import MaasClient
from drydockd.drivers.node.maas.options import MaasOptions
from drydockd.errors import DriverTransient
from drydockd.site import Addressing, Node


def options(maas, **given):
    """Options for the simulator; nothing waits long, and nothing is repeated unless asked."""
    return MaasOptions(
        **{
            "maas_api_url": maas.url,
            "maas_api_key": maas.api_key,
            "poll_interval": 0.001,
            "retry_seconds": 0,
            **given,
        }
    )


def a_node(name="n1", **given):
    fields = {
        "oob_type": "ipmi",
        "oob_parameters": {"network": "oob", "account": "root", "credential": "calvin-pass"},
        "addressing": (Addressing("oob", "static", "172.22.9.1"),),
        "primary_network": "oam",
    }
    return Node(name, **(fields | given))


class Voice:
    """Keeps what a driver says."""

    def __init__(self):
        self.said = []

    async def say(self, text, *, error=False):
        self.said.append(text)

    async def fence(self, session):
        raise AssertionError("MAAS has no sessions to end")


class Killed(BaseException):
    """kill -9: nothing of the driver handles it."""


class Cut(httpx.AsyncBaseTransport):
    """A network that ends with the process: request number `at` (from 0) is the last.

    `is_sent`: MAAS still got it and acted; only its answer finds nobody.
    """

    def __init__(self, at=None, *, is_sent=False):
        self.inner = httpx.AsyncHTTPTransport()
        self.at, self.is_sent = at, is_sent
        self.made = itertools.count()
        self.was_cut = False

    async def handle_async_request(self, request):
        if next(self.made) != self.at:
            return await self.inner.handle_async_request(request)
        self.was_cut = True
        if self.is_sent:
            response = await self.inner.handle_async_request(request)
            await response.aread()
            await response.aclose()
        raise Killed

    async def aclose(self):
        await self.inner.aclose()


def cut_client(maas, at=None, *, is_sent=False, **given):
    transport = Cut(at, is_sent=is_sent)
    return MaasClient(options(maas, **given), transport=transport), transport


class NoBmc:
    """An OobDriver whose BMCs never answer: MAAS alone has power over its machines."""

    oob_types = ("ipmi", "redfish", "libvirt", "manual")
    ask_seconds = 1.0
    worst_case_seconds = 1.0

    async def check(self):
        pass

    async def close(self):
        pass

    async def _silent(self, node, voice=None):
        raise DriverTransient(f"{node.name}: no answer")

    set_network_boot = set_disk_boot = facts = power_state = power_off = power_on = _silent
