"""Where the design commands get a design from: a file, standard input, or a reference."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import click
import yaml

from drydockd.api import validation
from drydockd.api.validation import Validation
from drydockd.cli.session import Access
from drydockd.design.compile import compile_site
from drydockd.design.designs import Design, Designs
from drydockd.errors import DrydockError, Unavailable
from drydockd.site import Catalogue, DocumentRef, Finding, Level, Node, Site

CANNOT_LOAD = 2
STDIN = "-"
_is_reference = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://").match


class CannotLoad(click.ClickException):
    """The design could not be had at all, or not as far as the command needs it."""

    exit_code = CANNOT_LOAD


def load(source: str) -> Design:
    """Return the design at `source`, compiled, whatever its findings.

    `source` is a file, ``-`` for standard input, or a reference such as
    ``deckhand+http://...``. Raises CannotLoad when there is nothing to compile.
    """
    if _is_reference(source):
        return _load_reference(source)
    try:
        content = sys.stdin.buffer.read() if source == STDIN else Path(source).read_bytes()
    except OSError as error:
        raise CannotLoad(f"{source}: {error.strerror or error}") from error
    site, findings = compile_site(content)
    return Design(source, hashlib.sha256(content).hexdigest(), content, site, findings)


def load_usable(source: str) -> Design:
    """Return the design at `source` if it compiled. Raises CannotLoad with what is wrong."""
    design = load(source)
    if not design.ok:
        wrong = [finding for finding in design.findings if finding.error]
        lines = [f"{finding.code} {finding.message}" for finding in wrong[:5]]
        if len(wrong) > 5:
            lines.append(f"... and {len(wrong) - 5} more; see: drydock design validate {source}")
        raise CannotLoad("\n".join([f"{source}: the design does not compile:", *lines]))
    return design


def the_node(design: Design, name: str) -> Node:
    """Return the node of that name. Raises ClickException naming those there are."""
    node = design.site.nodes.get(name)
    if node is None:
        names = list(design.site.nodes)
        known = ", ".join(names[:10]) + (", ..." if len(names) > 10 else "")
        raise click.ClickException(f"no node {name} in {design.ref}; it has {known or 'no nodes'}")
    return node


def _load_reference(reference: str) -> Design:
    async def fetch_and_compile() -> Design:
        # The token goes to the one host the user named.
        async with _designs(service_hosts=None) as designs:
            return await designs.load(reference)

    try:
        design = asyncio.run(fetch_and_compile())
    except DrydockError as error:
        raise CannotLoad(str(error)) from error
    if not design.digest:
        raise CannotLoad("\n".join(finding.message for finding in design.findings))
    return design


def judged_by_daemon(access: Access, href: str) -> list[Finding]:
    """Return what the daemon at --url finds in the design `href`. Raises CannotLoad."""
    from drydockd.client import ClientError

    try:
        with access.client() as client:
            found = client.validate_design(href)
    except ClientError as error:
        # An invalid design is a 400 whose body is the Status document.
        if not isinstance(error.body, dict) or error.body.get("kind") != "Status":
            raise CannotLoad(str(error)) from error
        found = Validation.model_validate(error.body)
    return [_finding(entry) for entry in found.details.message_list]


def nothing_of(href: str) -> Design:
    """Return a design of which nothing but its reference is known here."""
    return Design(href, "", b"", Site())


def _finding(entry: validation.Finding) -> Finding:
    return Finding(
        code=entry.name,
        level=Level(entry.level),
        message=entry.message,
        diagnostic=entry.diagnostic,
        documents=tuple(DocumentRef(ref.schema_name, ref.name) for ref in entry.documents),
        ts=entry.ts,
    )


def fetcher(design: Design) -> Callable[[str], Awaitable[bytes]]:
    """Return what fetches the locations of the design's assets.

    The service token goes to the host of the design's own reference, if it has one, and to
    no other that a design may name.
    """
    host = urlsplit(design.ref).hostname if _is_reference(design.ref) else None

    async def fetch(location: str) -> bytes:
        async with _designs(service_hosts=[host] if host else []) as designs:
            return await designs.fetch(location)

    return fetch


@asynccontextmanager
async def _designs(service_hosts: Sequence[str] | None) -> AsyncIterator[Designs]:
    """One try, and no host or file is out of bounds: the user may read them all anyway."""
    token = _given_token()
    designs = Designs(
        token=GivenToken(token) if token else None,
        allowed_roots=["/"],
        service_hosts=service_hosts,
        allow_private=True,
        allow_loopback=True,
        attempts=1,
    )
    try:
        yield designs
    finally:
        await designs.close()


def _given_token() -> str | None:
    context = click.get_current_context(silent=True)
    access = context.find_root().obj if context else None
    return access.os_token if isinstance(access, Access) else os.environ.get("OS_TOKEN")


class GivenToken:
    """A token of the user's, used as it is."""

    def __init__(self, token: str) -> None:
        self._token = token

    async def token(self) -> str:
        return self._token

    def forget(self) -> None:
        raise Unavailable("the token of --os-token was refused; get a new one")


def read_catalogue(file: Path) -> Catalogue:
    """Return images and kernels as a file lists them. Raises CannotLoad."""
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise CannotLoad(f"{file}: {error}") from error
    if not isinstance(content, dict) or not all(isinstance(v, list) for v in content.values()):
        raise CannotLoad(f"{file}: a map of image to list of kernels is needed")
    return Catalogue({str(k): tuple(str(kernel) for kernel in v) for k, v in content.items()})
