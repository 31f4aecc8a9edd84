"""Where the API is reached: sockets by option or from the service manager, and who serves them."""

from __future__ import annotations

import errno
import logging
import os
import socket
from collections.abc import Iterable, Mapping, Sequence

from drydockd.auth.noauth import is_loopback
from drydockd.config import Settings
from drydockd.errors import InvalidConfig
from drydockd.handlers import all_routes, node_routes
from drydockd.handlers.base import UnknownPath
from drydockd.handlers.connections import Bounds, Connections, affordable
from drydockd.handlers.intake import Intake
from drydockd.handlers.proxies import Proxies, plain
from drydockd.handlers.refusals import refusal
from drydockd.handlers.routing import Api, Route, Routes
from drydockd.handlers.server import Server, server_options
from drydockd.handlers.services import Services
from drydockd.tls import Tls

log = logging.getLogger(__name__)

BACKLOG = 4096
# What listens everywhere. systemd's ListenStream=9000 is ::, for IPv4 too.
ANY = frozenset({"0.0.0.0", "::"})  # noqa: S104 (compared, not bound)
# FileDescriptorName= in drydockd.socket, and in a second one for nodes.
API_SOCKETS = "api"
NODE_SOCKETS = "nodes"

Sockets = Mapping[str, Sequence[socket.socket]]


def listeners(
    settings: Settings, given: Sockets
) -> tuple[list[socket.socket], list[socket.socket]]:
    """Return the listening sockets of the API and of the nodes' address.

    `given` are those of the service manager, by name; they go before the options. An option
    that says something else is warned of; it is refused (InvalidConfig) where it promised that
    only this machine is let in.
    """
    api, nodes = list(given.get(API_SOCKETS, ())), list(given.get(NODE_SOCKETS, ()))
    if unknown := given.keys() - {API_SOCKETS, NODE_SOCKETS, "unknown"}:
        raise InvalidConfig(f"socket activation: unknown FileDescriptorName= {sorted(unknown)}")
    api += given.get("unknown", ())
    if api:
        _compare(settings, "listen", api)
    else:
        api = _bound("api.listen", settings.api.listen)
    if nodes:
        _compare(settings, "node_listen", nodes)
    elif settings.api.node_listen:
        nodes = _bound("api.node_listen", settings.api.node_listen)
    return api, nodes


def shown(sockets: Sequence[socket.socket]) -> str:
    """Return where sockets really listen: ``[::]:9000``, several with commas."""
    return ", ".join(_text(one) for one in sockets)


def _text(listener: socket.socket) -> str:
    name = listener.getsockname()
    if not isinstance(name, tuple):
        return str(name)
    return f"[{name[0]}]:{name[1]}" if ":" in name[0] else f"{name[0]}:{name[1]}"


def _compare(settings: Settings, option: str, sockets: Sequence[socket.socket]) -> None:
    """Warn, or raise InvalidConfig, if inherited sockets are elsewhere than an option says."""
    said, auth = getattr(settings.api, option), settings.auth
    where = shown(sockets)
    if "noauth" in auth.strategy and not auth.noauth_force and not _are_loopback(sockets):
        raise InvalidConfig(
            f"auth.strategy noauth opens the API to everybody who reaches {where}, where systemd "
            "listens for it: give the socket unit ListenStream=127.0.0.1:9000, or say "
            "auth.noauth_force: true"
        )
    # A default is nobody's word.
    if option not in settings.api.model_fields_set or said is None:
        return
    if not all(_is_one_of(_text(one), said) for one in sockets):
        log.warning(
            "api.%s is %s, but the socket unit has systemd listen on %s, and that is what holds; "
            "leave the option out, or give the unit the same ListenStream=",
            option,
            said,
            where,
        )


def _are_loopback(sockets: Sequence[socket.socket]) -> bool:
    return all(is_loopback(_text(one).rpartition(":")[0] or _text(one)) for one in sockets)


def _is_one_of(address: str, listen: str) -> bool:
    """Whether an address that is listened on is one of those that `listen` means."""
    host, _, port = address.rpartition(":")
    hosts, wanted = _meant(listen)
    if wanted not in ("0", port):
        return False
    host = plain(host.strip("[]"))
    return host in hosts or (host in ANY and bool(hosts & ANY))


def overlap(one: str, other: str) -> bool:
    """Whether two values of ``listen`` mean a common address and port."""
    (hosts, port), (others, other_port) = _meant(one), _meant(other)
    if port != other_port or port == "0":
        return False
    return bool(hosts & others or hosts & ANY or others & ANY)


def _meant(listen: str) -> tuple[set[str], str]:
    """Return the addresses of a value of ``listen``, and its port; none for an unknown name."""
    host, _, port = listen.rpartition(":")
    try:
        places = socket.getaddrinfo(
            host.strip("[]") or None, 0, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except OSError:
        return set(), port  # who listens there says so
    return {plain(str(address[0])) for *_, address in places}, port


def check_address(option: str, listen: str, *, beside: str | None = None) -> None:
    """Raise InvalidConfig if this machine cannot listen there, or does for `beside` already.

    The port itself is not taken: a daemon that runs may have it.
    """
    if beside is not None and overlap(listen, beside):
        reason = os.strerror(errno.EADDRINUSE)
        also = "" if listen == beside else f" by {beside}"
        raise InvalidConfig(f"{option}: cannot listen on {listen}: {reason}{also}")
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
        # One address keeps its share: with all of them in use by it, nobody else would get in.
        per_address=max(1, api.connections_per_address * most // api.connections),
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
    tls: Tls | None = None,
    pages: Iterable[Route] = (),
) -> list[Server]:
    """Start serving on the sockets; returns the servers. Nodes are not shown the `pages`."""
    api = settings.api
    options = server_options(
        header_bytes=api.header_bytes,
        idle_seconds=api.idle_timeout,
        body_seconds=api.body_timeout,
        tls=tls.context if tls else None,
    )
    api_routes = all_routes(api.body_bytes, api.bootaction_body_bytes)
    tables = [
        (Routes([*api_routes.all, *pages]), sockets),
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
