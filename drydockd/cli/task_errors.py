"""The errors of a task and its subtasks, each cause once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from drydockd.api.cause import of_any_node

if TYPE_CHECKING:
    from drydockd.api.message import Message
    from drydockd.api.result import SubtaskResult

# So many names are printed of a cause; json has all.
MOST = 8
# A task repeats so what its step said of a node: it is the same error.
RETOLD = re.compile(r"Node \S+ failed [a-z_]+: (.*)", re.DOTALL)


@dataclass
class Cause:
    """One cause; `nodes` in the order they had it, with how often it was said of each at first
    hand; `times`: how often of no node.

    `text` is as the first node had it; `about` is whom or what it is about, where that is no node.
    """

    text: str
    first: str
    about: str
    remedy: str
    nodes: dict[str, int] = field(default_factory=dict)
    times: int = 0


def causes(results: Mapping[str, SubtaskResult]) -> list[Cause]:
    """Return the causes of `Client.get_task_errors`, that of most nodes first."""
    found: dict[str, Cause] = {}
    for result in results.values():
        for said in result.details.message_list:
            if said.error:
                _add(found, said, result.failures)
    _drop_parts(found)
    return sorted(found.values(), key=lambda cause: (-len(cause.nodes), cause.first))


def _add(found: dict[str, Cause], said: Message, failures: list[str]) -> None:
    node = _node(said, failures)
    retold = RETOLD.fullmatch(said.message)
    text = retold[1] if retold else said.message
    about = "" if node else f"{said.context_type} {said.context}"
    if said.context_type in ("NA", "task"):
        about = ""
    key = f"{about} {of_any_node(text, node)}" if about else of_any_node(text, node)
    cause = found.get(key)
    if cause is None:
        cause = found[key] = Cause(text, said.ts, _finding(said) or about, _remedy(said))
    cause.first = min(cause.first, said.ts)
    count = int(retold is None)
    if node:
        cause.nodes[node] = cause.nodes.get(node, 0) + count
    else:
        cause.times += count


def _drop_parts(found: dict[str, Cause]) -> None:
    """Forget of a node what another of its causes says too: parts are said before the whole."""
    of_node: dict[str, list[str]] = {}
    for key, cause in found.items():
        for node in cause.nodes:
            of_node.setdefault(node, []).append(key)
    for node, keys in of_node.items():
        for part in keys:
            if any(part != whole and part in whole for whole in keys):
                del found[part].nodes[node]
    for key in [key for of in of_node.values() for key in of]:
        if key in found and not found[key].nodes and not found[key].times:
            del found[key]


def _node(said: Message, failures: list[str]) -> str:
    """The node a message is about; what a node itself reported is of its own subtask."""
    if said.context_type == "node":
        return said.context
    is_own = said.context_type == "bootaction" and len(failures) == 1
    return failures[0] if is_own else ""


def _finding(said: Message) -> str:
    """Code, documents and line of a finding about the design; nothing of another message."""
    code, documents = said.extra.get("name"), said.extra.get("documents")
    if said.context_type == "bootaction" or not isinstance(documents, list):
        return ""
    names = [f"{d.get('schema')} {d.get('name')}" for d in documents if isinstance(d, dict)]
    line = said.extra.get("line")
    return ", ".join([str(code), *names, *([f"line {line}"] if line else [])])


def _remedy(said: Message) -> str:
    return str(said.extra.get("diagnostic") or "") if _finding(said) else ""


def lines(found: Iterable[Cause]) -> Iterator[str]:
    """Yield what is printed: whom it struck, the cause, what to do."""
    for cause in found:
        yield f"{_whom(cause)}, first {cause.first}"
        yield f"  {cause.text}"
        if cause.remedy:
            yield f"  to do: {cause.remedy}"


def _whom(cause: Cause) -> str:
    said = cause.times + sum(cause.nodes.values())
    times = f"{said} times" if said > max(1, len(cause.nodes)) else ""
    if not cause.nodes:
        return ", ".join(filter(None, [cause.about or "the task", times]))
    names = ", ".join(list(cause.nodes)[:MOST]) + (", ..." if len(cause.nodes) > MOST else "")
    count = "1 node" if len(cause.nodes) == 1 else f"{len(cause.nodes)} nodes"
    return ", ".join(filter(None, [f"{count}: {names}", times]))
