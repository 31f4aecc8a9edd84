"""What identity costs: requests per second with a Keystone token and a jwt, beside noauth.

Run as ``python -m bench.auth``. Three daemons, one route, interleaved rounds; then 10,000
requests of 100 fresh Keystone tokens, and how many of them Keystone heard of.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

from bench.daemon import Daemon, running
from bench.load import pour, request
from tests.peers import keystone as peer

PATH = "/api/v1.0/tasks"
ROUNDS = 5


def authtoken(server: peer.KeystoneServer) -> dict[str, str]:
    return {
        "auth_url": server.url,
        "username": "drydock",
        "password": peer.USERS["drydock"][0],
        "user_domain_name": "Default",
        "project_name": "service",
        "project_domain_name": "Default",
    }


async def rates(daemons: dict[str, tuple[Daemon, str]], count: int) -> dict[str, float]:
    """Return the median rate of each daemon over the rounds."""
    found: dict[str, list[float]] = {name: [] for name in daemons}
    for _ in range(ROUNDS):
        for name, (daemon, token) in daemons.items():
            message = request("GET", PATH, headers={"X-Auth-Token": token} if token else None)
            await pour(daemon.port, [message], count=200)
            figures = await pour(daemon.port, [message], count=count)
            if set(figures.statuses) != {200}:
                raise SystemExit(f"{name}: {figures.statuses}")
            found[name].append(figures.rate)
    return {name: statistics.median(values) for name, values in found.items()}


async def calls(daemon: Daemon, server: peer.KeystoneServer, tokens: list[str], count: int) -> int:
    """Return how many validations reach Keystone for `count` requests of fresh `tokens`."""
    messages = [request("GET", PATH, headers={"X-Auth-Token": token}) for token in tokens]
    before = server.calls()
    figures = await pour(daemon.port, messages, count=count)
    if set(figures.statuses) != {200}:
        raise SystemExit(f"keystone: {figures.statuses}")
    return server.calls() - before


async def main(args: argparse.Namespace) -> None:
    peer.install()
    with tempfile.TemporaryDirectory(prefix="auth-") as name:
        folder = Path(name)
        (folder / "peer").mkdir()
        server = peer.create(folder / "peer")
        async with AsyncExitStack() as stack:
            stack.callback(server.stop)
            first, *fresh = [server.token("ann-admin") for _ in range(args.tokens + 1)]
            sections = {
                "noauth": {"auth": {"strategy": ["noauth"], "noauth_roles": ["admin"]}},
                "jwt": {"auth": {"strategy": ["jwt"]}},
                "keystone": {
                    "auth": {"strategy": ["keystone"]},
                    "keystone_authtoken": authtoken(server),
                },
            }
            daemons = {}
            for strategy, extra in sections.items():
                home = folder / strategy
                home.mkdir()
                daemon = await stack.enter_async_context(running(home, cpu=0, **extra))
                token = {"noauth": "", "jwt": daemon.token, "keystone": first}[strategy]
                daemons[strategy] = (daemon, token)
            report(await rates(daemons, args.count))
            heard = await calls(daemons["keystone"][0], server, fresh, args.requests)
            print(f"{args.requests} requests of {args.tokens} tokens: {heard} calls to Keystone")
            if heard > args.tokens:
                raise SystemExit(1)


def report(found: dict[str, float]) -> None:
    for name, rate in found.items():
        print(f"{name}: {rate:.0f}/s, {rate / found['noauth']:.0%} of noauth")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=2000, help="requests per round")
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--tokens", type=int, default=100)
    asyncio.run(main(parser.parse_args()))
