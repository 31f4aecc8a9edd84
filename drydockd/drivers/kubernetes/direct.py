"""Labels of a cluster's nodes, set at its API server.

One GET and at most one PATCH for each node; what is as it should be is not written. Source:
contract, kubernetes-facts, section 2.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import httpx

from drydockd.drivers.kubernetes.access import Access, access_of
from drydockd.drivers.kubernetes.options import DIRECT_SECTION, DirectOptions
from drydockd.drivers.kubernetes.ownership import patch_of
from drydockd.drivers.kubernetes.wire import JSON, Question, Reply, Wire, refusal
from drydockd.drivers.options import Offer
from drydockd.errors import (
    DriverError,
    DriverPersistent,
    DriverTransient,
    DriverUnsupported,
    NodeUnknown,
)

# A node changed between read and write is read again so often.
READS_AGAIN = 3
LOOK_SECONDS = 2.0
REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
VERBS = ("get", "patch")
MERGE_PATCH = "application/merge-patch+json"
# A Node has its images and conditions too: 50 KiB of which the metadata are 2.
METADATA_ONLY = f"{JSON};as=PartialObjectMetadata;g=meta.k8s.io;v=v1,{JSON}"
ROLE = "bind the ClusterRole of docs/kubernetes.md to the account"


class DirectKubernetes:
    """A KubernetesDriver for one API server. Raises InvalidInput for options that cannot work."""

    def __init__(self, options: DirectOptions, *, access: Access | None = None) -> None:
        self._options = options
        self._access = access or access_of(options)
        self._wire = Wire(
            DIRECT_SECTION,
            self._access.context,
            connect_seconds=options.connect_seconds,
            read_seconds=options.read_seconds,
            connections=options.connections,
            server_name=self._access.server_name,
        )

    async def check(self) -> None:
        """Ask whether we may read and change nodes; changes nothing.

        Raises DriverTransient (no answer), DriverPersistent (who we are, what we may).
        """
        denied = [verb for verb in VERBS if not await self._may(verb)]
        if denied:
            raise DriverPersistent(
                f"Kubernetes at {self._access.url}: the account of {self._access.source} may not "
                f"{' or '.join(denied)} nodes; {ROLE}"
            )

    async def _may(self, verb: str) -> bool:
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": {"verb": verb, "resource": "nodes"}},
        }
        what = f"learn whether we may {verb} nodes"
        question = replace(self._question("Kubernetes", "POST", REVIEWS, what), is_act=False)
        reply = await self._asked(question, review, {"Content-Type": JSON})
        if reply.status >= 300:
            raise self._refused(question, reply)
        status = (self._document(question, reply)).get("status")
        return isinstance(status, dict) and status.get("allowed") is True

    async def relabel(self, node_name: str, labels: Mapping[str, str]) -> None:
        """Make `labels` the node's, beside those of others; twice is once.

        Labels that drydockd set before and that are not among them are removed. Raises
        NodeUnknown after `wait_seconds`, DriverTransient, DriverPersistent, DriverUnsupported.
        """
        names = [text.format(name=node_name).lower() for text in self._options.name_templates]
        loop = asyncio.get_running_loop()
        until = loop.time() + self._options.wait_seconds
        while True:
            for name in names:
                if await self._is_labelled(node_name, name, labels):
                    return
            if (left := until - loop.time()) <= 0:
                raise NodeUnknown(self._unknown(node_name, names))
            await asyncio.sleep(min(LOOK_SECONDS, left))

    def _unknown(self, node_name: str, names: list[str]) -> str:
        waited = self._options.wait_seconds
        after = f" after {waited:g} s" if waited else ""
        return (
            f"{node_name}: GET {self._access.url}{_path(names[-1])} (to read its labels): the "
            f"cluster has no node {' or '.join(names)}{after} (HTTP 404); see whether its kubelet "
            f"registered, and under which name ({DIRECT_SECTION}.name_templates)"
        )

    async def _is_labelled(self, node_name: str, name: str, labels: Mapping[str, str]) -> bool:
        """Return whether there is such a node; then it has the labels."""
        read = self._question(node_name, "GET", _path(name), "read its labels")
        write = self._question(node_name, "PATCH", _path(name), f"label it {_shown(labels)}")
        for _ in range(1 + READS_AGAIN):
            reply = await self._asked(read, None, {"Accept": METADATA_ONLY})
            if reply.status == httpx.codes.NOT_FOUND and _is_about_the_object(reply):
                return False
            if reply.status >= 300:
                raise self._refused(read, reply)
            try:
                patch = patch_of(self._metadata(read, reply), labels)
            except DriverUnsupported as error:
                raise DriverUnsupported(f"{node_name}: {error}") from None
            if patch is None:
                return True
            reply = await self._asked(
                write, patch, {"Accept": METADATA_ONLY, "Content-Type": MERGE_PATCH}
            )
            if reply.status < 300:
                return True
            if reply.status == httpx.codes.NOT_FOUND and _is_about_the_object(reply):
                return False
            if reply.status != httpx.codes.CONFLICT:
                raise self._refused(write, reply)
        raise DriverTransient(
            f"{write}: {reply.text}; the node was changed between read and write "
            f"{1 + READS_AGAIN} times in a row: see who writes to it so often"
        )

    def _metadata(self, question: Question, reply: Reply) -> Mapping[str, Any]:
        metadata = self._document(question, reply).get("metadata")
        if not isinstance(metadata, dict) or not metadata.get("name"):
            raise DriverPersistent(
                f"{question}: {reply.text} without the metadata of a Node; {self._where}"
            )
        return metadata

    def _document(self, question: Question, reply: Reply) -> Mapping[str, Any]:
        if (document := reply.document) is None:
            raise DriverPersistent(f"{question}: {reply.text}: no JSON; {self._where}")
        return document

    @property
    def _where(self) -> str:
        return f"is that the URL of an API server? It comes from {self._access.source}"

    def _question(self, about: str, method: str, path: str, what: str) -> Question:
        return Question(about, method, self._access.url + path, what)

    async def _asked(
        self, question: Question, document: Mapping[str, object] | None, headers: Mapping[str, str]
    ) -> Reply:
        """Ask, and once more where the token was renewed meanwhile."""
        bearer = self._access.bearer
        token = await bearer.value()
        reply = await self._once(question, document, headers, token)
        if reply.status == httpx.codes.UNAUTHORIZED and await bearer.is_renewed(token):
            reply = await self._once(question, document, headers, await bearer.value())
        return reply

    async def _once(
        self,
        question: Question,
        document: Mapping[str, object] | None,
        headers: Mapping[str, str],
        token: str | None,
    ) -> Reply:
        known = {"Accept": JSON, **headers}
        if token is not None:
            known["Authorization"] = f"Bearer {token}"
        secrets = () if token is None else (token,)
        return await self._wire.ask(question, headers=known, document=document, secrets=secrets)

    def _refused(self, question: Question, reply: Reply) -> DriverError:
        source, file = self._access.source, self._access.bearer.file
        if reply.status == httpx.codes.UNAUTHORIZED:
            renew = f"renew the token in {file}" if file else f"correct the credentials of {source}"
            return refusal(question, reply, f"{renew}: the API server does not know us by it")
        if reply.status == httpx.codes.FORBIDDEN:
            return refusal(question, reply, f"{ROLE} of {source}, or see what admission refused")
        if reply.status == httpx.codes.NOT_FOUND or reply.status < 400:
            return refusal(question, reply, self._where)
        return refusal(question, reply, "correct what it names")

    async def close(self) -> None:
        await self._wire.close()


def _path(name: str) -> str:
    return f"/api/v1/nodes/{quote(name, safe='')}"


def _is_about_the_object(reply: Reply) -> bool:
    """A 404 of the API names the object; one of something in front of it does not."""
    document = reply.document or {}
    return document.get("kind") == "Status" and document.get("reason") == "NotFound"


def _shown(labels: Mapping[str, str]) -> str:
    return ", ".join(f"{key}={value}" for key, value in sorted(labels.items())) or "as before"


DRIVER = Offer(
    DirectKubernetes,
    DirectOptions,
    DIRECT_SECTION,
    "the labels of a cluster's nodes, at its API server",
)
