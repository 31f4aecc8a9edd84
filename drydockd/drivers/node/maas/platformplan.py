"""The tags of a machine as MAAS is to have them: kernel options, and those of the design. Pure.

Source: contract, maas, sections 2 and 6, and its defect 19.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from drydockd.drivers.node.maas.changes import Change
from drydockd.drivers.node.maas.paths import at
from drydockd.drivers.node.maas.tags import COMMENT, KEY_MARK
from drydockd.errors import DriverUnsupported
from drydockd.plans import PlatformPlan

Document = dict[str, Any]

_NAME = re.compile(r"[a-zA-Z0-9_-]+")
_MOST_NAME = 256


@dataclass(frozen=True, slots=True)
class Tags:
    """`kernel` is the name of the tag of the kernel options, `options` its text; without text
    there is no such tag. `design` are the others."""

    kernel: str
    options: str
    design: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        own = (self.kernel,) if self.options else ()
        return (*own, *self.design)


def wanted_tags(node: str, plan: PlatformPlan) -> Tags:
    """Return the tags of a machine. Raises DriverUnsupported for a name that MAAS refuses."""
    tags = Tags(plan.tag, plan.kernel_params, tuple(dict.fromkeys(plan.static_tags)))
    for name in tags.names:
        what = "platform.kernel_params: tag" if name == plan.tag else "metadata.tags:"
        if not _NAME.fullmatch(name) or len(name) > _MOST_NAME:
            raise DriverUnsupported(
                f"node {node}: {what} {name!r}; a tag of MAAS has letters, digits, _ and - only, "
                f"{_MOST_NAME} of them at most"
            )
        if KEY_MARK in name:
            raise DriverUnsupported(
                f"node {node}: {what} {name!r}: {KEY_MARK} marks the keys of deployments"
            )
    if plan.tag in tags.design:
        raise DriverUnsupported(
            f"node {node}: metadata.tags: {plan.tag!r} is the tag of its kernel options"
        )
    return tags


def next_change(tags: Tags, state: Document) -> Change | None:
    """Return the next change of `state`: the ``machine`` and all ``tags`` by name."""
    return next(_changes(tags, state["machine"], state["tags"]), None)


def _changes(tags: Tags, machine: Document, there: Mapping[str, Document]) -> Iterator[Change]:
    yield from _kernel(tags, there)
    for name in tags.design:
        if name not in there:
            form = {"name": name, "comment": COMMENT}
            yield Change("POST", at("tags"), None, form, f"tag {name} is missing")
    has: Sequence[str] = machine["tag_names"]
    sid = machine["system_id"]
    for name in tags.names:
        if name not in has:
            yield _moved(name, "add", sid)
    for name in has:
        is_ours = there.get(name, {}).get("comment") == COMMENT and KEY_MARK not in name
        if is_ours and name not in tags.names:
            yield _moved(name, "remove", sid)


def _kernel(tags: Tags, there: Mapping[str, Document]) -> Iterator[Change]:
    """The tag of the kernel options has the node's name in its own: it is ours in any case."""
    known = there.get(tags.kernel)
    path = at("tag", name=tags.kernel)
    form = {"name": tags.kernel, "comment": COMMENT, "kernel_opts": tags.options}
    if not tags.options:
        if known is not None:
            yield Change("DELETE", path, None, {}, f"tag {tags.kernel} is left", again=True)
    elif known is None:
        yield Change("POST", at("tags"), None, form, f"tag {tags.kernel} is missing")
    elif known["kernel_opts"] != tags.options:
        # All of the form: MAAS validates it as a whole.
        yield Change("PUT", path, None, form, f"tag {tags.kernel}: kernel_opts", again=True)


def _moved(name: str, how: str, sid: str) -> Change:
    path = at("tag", name=name)
    why = f"tag {name} is {'missing' if how == 'add' else 'left'} on the machine"
    return Change("POST", path, "update_nodes", {how: sid}, why, again=True)


def absorb(state: Document, change: Change, answer: Any) -> None:
    """Put what MAAS answered to `change` into the state."""
    names = state["machine"]["tag_names"]
    if change.op == "update_nodes":
        name = change.path.split("/")[1]
        if "add" in change.form:
            names.append(name)
        else:
            names.remove(name)
    elif change.method == "DELETE":
        name = change.path.split("/")[1]
        del state["tags"][name]
        state["machine"]["tag_names"] = [other for other in names if other != name]
    else:
        state["tags"][answer["name"]] = answer
