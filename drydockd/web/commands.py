"""What is done on a page, as a line to be typed: for the command line and for curl."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import orjson

from drydockd.design import nodefilter
from drydockd.model import Action
from drydockd.tasks import TaskRequest

API = "/api/v1.0"


@dataclass(frozen=True, slots=True)
class Lines:
    """The same thing in two ways; both are to be pasted into a shell."""

    cli: str
    curl: str


def create(action: Action, design_ref: str, nodes: Sequence[str] | None, url: str) -> Lines:
    """Return how the task is created; `nodes` None: all of the site. `url` is the daemon's."""
    words = ["drydock", "task", "create", "-d", design_ref, "-a", str(action)]
    words += ["--all-nodes"] if nodes is None else ["-n", ",".join(nodes)]
    return Lines(shlex.join(words), curl("POST", f"{url}{API}/tasks", body_of(
        TaskRequest(action, design_ref, filter_of(nodes), nodes is None)
    )))  # fmt: skip


def show(task_id: str, url: str) -> Lines:
    """Return how the task is watched."""
    return Lines(f"drydock task watch {task_id}", curl("GET", f"{url}{API}/tasks/{task_id}/events"))


def stop(task_id: str, url: str) -> Lines:
    return Lines(
        f"drydock task terminate {task_id}", curl("POST", f"{url}{API}/tasks/{task_id}/terminate")
    )


def again(task_id: str, url: str) -> Lines:
    return Lines(
        f"drydock task retry -t {task_id}", curl("POST", f"{url}{API}/tasks/{task_id}/retry")
    )


def filter_of(nodes: Sequence[str] | None) -> Mapping[str, object] | None:
    """Return the filter of a request that selects exactly these; None: all nodes."""
    return None if nodes is None else nodefilter.by_names(nodes)


def body_of(request: TaskRequest) -> dict[str, object]:
    body: dict[str, object] = {"action": str(request.action), "design_ref": request.design_ref}
    if request.node_filter is not None:
        body["node_filter"] = dict(request.node_filter)
    if request.all_nodes:
        body["all_nodes"] = True
    return body


def curl(method: str, url: str, body: Mapping[str, object] | None = None) -> str:
    """Return a line for curl; the token comes from the variable the command line uses too."""
    words = ["curl", "-sS", "-X", method]
    if method == "GET":
        words = ["curl", "-sSN"]
    line = f'{shlex.join(words)} -H "X-Auth-Token: $OS_TOKEN"'
    if body is not None:
        line += (
            f" -H 'Content-Type: application/json' -d {shlex.quote(orjson.dumps(body).decode())}"
        )
    return f"{line} {shlex.quote(url)}"
