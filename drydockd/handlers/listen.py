"""Where the API is reached: sockets by option or from the service manager, and who serves them."""

from __future__ import annotations

import errno
import logging
import os
import socket
from collections.abc import Mapping, Sequence

from drydockd.config import Settings
from drydockd.errors import InvalidConfig
from drydockd.handlers import all_routes, node_routes
from drydockd.handlers.base import UnknownPath, refusal
from drydockd.handlers.connections import Bounds, Connections, affordable
from drydockd.handlers.intake import Intake
from drydockd.handlers.proxies import Proxies
from drydockd.handlers.routing import Api, Routes
from drydockd.handlers.server import Server, server_options, tls_context
from drydockd.handlers.services import Services

log = logging.getLogger(__name__)

BACKLOG = 4096
# FileDescriptorName= in drydockd.socket, and in a second one for nodes.
API_SOCKETS = "api"
NODE_SOCKETS = "nodes"

Sockets = Mapping[str, Sequence[socket.socket]]


def listeners(
    settings: Settings, given: Sockets
) -> tuple[list[socket.socket], list[socket.socket]]:
    """Return the listening sockets of the API and of the nodes' address.

    `given` are those of the service manager, by name; they go before the options. Raises
    InvalidConfig.
    """
    api, nodes = list(given.get(API_SOCKETS, ())), list(given.get(NODE_SOCKETS, ()))
    if unknown := given.keys() - {API_SOCKETS, NODE_SOCKETS, "unknown"}:
        raise InvalidConfig(f"socket activation: unknown FileDescriptorName= {sorted(unknown)}")
    api += given.get("unknown", ())
    if not api:
        api = _bound("api.listen", settings.api.listen)
    if not nodes and settings.api.node_listen:
        nodes = _bound("api.node_listen", settings.api.node_listen)
    return api, nodes


def check_address(option: str, listen: str, *, beside: str | None = None) -> None:
    """Raise InvalidConfig if this machine cannot listen there, or does for `beside` already.

    The port itself is not taken: a daemon that runs may have it.
    """
    if beside == listen and not listen.endswith(":0"):
        raise InvalidConfig(f"{option}: cannot listen on {listen}: {os.strerror(errno.EADDRINUSE)}")
    for listener in _bound(option, listen, port=0):
        listener.close()


def _bound(option: str, listen: str, port: int | None = None) -> list[socket.socket]:
    """Listen on every address of the host in `listen`, all on one port. Raises InvalidConfig.

    `port` is used instead of the one in `listen`.
    """
    host, _, text = listen.rpartition(":")
    port, found = int(text) if port is None else port, list[socket.socket]()
    try:
        places = socket.getaddrinfo(
            host.strip("[]") or None,
            port,
            type=socket.SOCK_STREAM,
            flags=socket.AI_PASSIVE,
        )
        for family, *_, address in dict.fromkeys(places):
            try:
                listener = socket.socket(family, socket.SOCK_STREAM)
            except OSError:
                if len(places) > 1:  # a machine without IPv6 that has ::1 in its hosts file
                    continue
                raise
            found.append(listener)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listener.setblocking(False)
            # With port 0 the first one chooses for all.
            listener.bind((address[0], port or found[0].getsockname()[1], *address[2:]))
            listener.listen(BACKLOG)
    except OSError as error:
        for listener in found:
            listener.close()
        raise InvalidConfig(f"{option}: cannot listen on {listen}: {error.strerror}") from error
    return found


def bounded(settings: Settings, proxies: Proxies) -> Connections:
    """Return the book of the daemon's connections, within the files this process may open."""
    api = settings.api
    most = affordable(api.connections)
    if most < api.connections:
        log.warning(
            "api.connections is %d, but this process may not open so many files: %d connections "
            "are accepted at once (LimitNOFILE= of the unit, ulimit -n)",
            api.connections,
            most,
        )
    bounds = Bounds(
        most=most,
        per_address=api.connections_per_address,
        handshakes=api.handshakes,
        handshake_seconds=api.handshake_timeout,
        stall_seconds=api.stall_timeout,
    )
    return Connections(bounds, proxies.is_trusted)


def serve(
    settings: Settings,
    services: Services,
    sockets: list[socket.socket],
    node_sockets: list[socket.socket],
) -> list[Server]:
    """Start serving on the sockets; returns the servers. Raises InvalidConfig for bad TLS files."""
    api = settings.api
    tls = tls_context(api.tls_cert, api.tls_key) if api.tls_cert and api.tls_key else None
    options = server_options(
        header_bytes=api.header_bytes,
        idle_seconds=api.idle_timeout,
        body_seconds=api.body_timeout,
        tls=tls,
    )
    tables = [
        (all_routes(api.body_bytes, api.bootaction_body_bytes), sockets),
        (Routes(node_routes(api.bootaction_body_bytes)), node_sockets),
    ]
    servers, intake = [], Intake(api.bodies_bytes)
    for routes, listeners in tables:
        application = Api(
            routes,
            unknown=UnknownPath,
            refuse=refusal,
            header_bytes=api.header_bytes,
            intake=intake,
            handler_kwargs={"services": services},
            # The handlers write their own line.
            log_function=lambda handler: None,
        )
        server = Server(application, connections=services.connections, **options)
        server.add_sockets(listeners)
        servers.append(server)
    return servers
