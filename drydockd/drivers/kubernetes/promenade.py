"""Labels through Promenade, as sites of the original have it; `direct` is better.

Promenade takes a node's labels as a whole: what is not among them it removes, unless the key
contains ``kubernetes.io``. Source: contract, kubernetes, section 2; kubernetes-facts, section 3.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from urllib.parse import quote, urlsplit

import httpx

from drydockd.drivers.base import ServiceAccount, Surroundings
from drydockd.drivers.kubernetes.options import PROMENADE_SECTION, PromenadeOptions
from drydockd.drivers.kubernetes.tls import context_of
from drydockd.drivers.kubernetes.wire import JSON, Question, Reply, Wire, refusal
from drydockd.drivers.options import Offer
from drydockd.errors import (
    DriverError,
    DriverPersistent,
    DriverTransient,
    NodeUnknown,
    Unavailable,
)

VERSION = "v1.0"
POLICY = "kubernetes_provisioner:update_node_labels"
ACCOUNT = "the account of keystone_authtoken"


class PromenadeKubernetes:
    """A KubernetesDriver that is Resident for the sake of drydockd's account at Keystone."""

    def __init__(self, options: PromenadeOptions) -> None:
        self._options = options
        self._account: ServiceAccount | None = None
        self._renewing = asyncio.Lock()
        self._wire = Wire(
            PROMENADE_SECTION,
            context_of(ca=options.ca_file, insecure=options.insecure),
            connect_seconds=options.connect_seconds,
            read_seconds=options.read_seconds,
            connections=options.connections,
        )

    async def start(self, surroundings: Surroundings) -> None:
        self._account = surroundings.account

    async def check(self) -> None:
        """Does it answer, and do we get a token? Raises DriverTransient, DriverPersistent."""
        question, reply = await self._asked("Promenade", "GET", "health", "learn whether it works")
        if reply.status >= 300:
            raise self._refused(question, reply)

    async def relabel(self, node_name: str, labels: Mapping[str, str]) -> None:
        """Make `labels` the node's: those of others without ``kubernetes.io`` are removed.

        Raises NodeUnknown, DriverTransient, DriverPersistent.
        """
        path = f"node-labels/{quote(node_name, safe='')}"
        shown = ", ".join(f"{key}={value}" for key, value in sorted(labels.items()))
        question, reply = await self._asked(node_name, "PUT", path, f"label it {shown}", labels)
        if reply.status == httpx.codes.NOT_FOUND:
            raise NodeUnknown(
                f"{question}: {reply.text}; the cluster has no such node, or the URL is not "
                "Promenade's: see Promenade's log"
            )
        if reply.status >= 300:
            raise self._refused(question, reply)
        if reply.document is None:
            raise DriverPersistent(
                f"{question}: {reply.text}: no JSON; is that the URL of Promenade? {self._origin}"
            )

    async def _asked(
        self,
        about: str,
        method: str,
        path: str,
        what: str,
        document: Mapping[str, str] | None = None,
    ) -> tuple[Question, Reply]:
        """Ask, and once more with a new token where the first was refused."""
        account = self._known_account()
        try:
            token = await account.token()
            question = Question(about, method, f"{await self._base(account)}/{path}", what)
            reply = await self._once(question, document, token)
            if reply.status == httpx.codes.UNAUTHORIZED:
                # Of many nodes at once the first renews it for all.
                async with self._renewing:
                    if await account.token() == token:
                        account.forget()
                reply = await self._once(question, document, await account.token())
        except Unavailable as error:
            raise DriverTransient(f"{about}: no token for Promenade: {error}") from error
        return question, reply

    def _known_account(self) -> ServiceAccount:
        if self._account is None:
            raise DriverPersistent(
                "Promenade is spoken to with a token of Keystone, and keystone_authtoken.auth_url "
                "is not set"
            )
        return self._account

    async def _base(self, account: ServiceAccount) -> str:
        options = self._options
        url = options.url or await account.endpoint(
            options.service_type, interface=options.interface, region=options.region
        )
        if not url:
            region = f" in region {options.region}" if options.region else ""
            raise DriverPersistent(
                f"Keystone's catalogue has no {options.interface} endpoint of type "
                f"{options.service_type}{region}; create it, or set {PROMENADE_SECTION}.url"
            )
        return base_url(url)

    async def _once(
        self, question: Question, document: Mapping[str, str] | None, token: str
    ) -> Reply:
        headers = {"Accept": JSON, "X-Auth-Token": token}
        if document is not None:
            headers["Content-Type"] = JSON
        return await self._wire.ask(question, headers=headers, document=document, secrets=(token,))

    def _refused(self, question: Question, reply: Reply) -> DriverError:
        if reply.status == httpx.codes.UNAUTHORIZED:
            return refusal(
                question, reply, f"Promenade takes no token of {ACCOUNT}; do both use one Keystone?"
            )
        if reply.status == httpx.codes.FORBIDDEN:
            return refusal(
                question, reply, f"give {ACCOUNT} a role that Promenade's policy {POLICY} allows"
            )
        if reply.status >= 500:
            error = refusal(question, reply, "")
            return DriverTransient(f"{error}; see Promenade's log for the cause", reply.retry_after)
        return refusal(question, reply, f"see Promenade's log; {self._origin}")

    @property
    def _origin(self) -> str:
        from_where = f"{PROMENADE_SECTION}.url" if self._options.url else "Keystone's catalogue"
        return f"the URL comes from {from_where}"

    async def close(self) -> None:
        await self._wire.close()


def base_url(url: str) -> str:
    """Return the root of Promenade's API for its URL in the catalogue, with whatever path.

    ``https://host/kube`` -> ``https://host/kube/api/v1.0``; a path that ends in ``/api`` or
    ``/api/v1.0`` (as its chart registers it) is completed or kept.
    """
    url = url.rstrip("/")
    path = urlsplit(url).path
    if path.endswith(f"/{VERSION}"):
        return url
    return f"{url}/{VERSION}" if path.endswith("/api") else f"{url}/api/{VERSION}"


DRIVER = Offer(
    PromenadeKubernetes,
    PromenadeOptions,
    PROMENADE_SECTION,
    "the labels of a cluster's nodes, through Promenade",
    uses_keystone=True,
)
