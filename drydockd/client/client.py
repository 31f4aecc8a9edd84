"""The API as methods; every one raises ClientError (or a kind of it) when it fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Literal, TypeVar, overload
from urllib.parse import quote

import httpx

from drydockd.api.bootaction import BootActionRow, BootActionState
from drydockd.api.builddata import BuildData
from drydockd.api.dryrun import DryRun
from drydockd.api.health import Health
from drydockd.api.node import Node, NodeView
from drydockd.api.result import SubtaskResult
from drydockd.api.status import Status
from drydockd.api.task import Task, TaskTree
from drydockd.api.validation import Validation
from drydockd.api.version import Version
from drydockd.client import events, waiting, watching
from drydockd.client.answers import body_of, checked, parsed
from drydockd.client.session import Query, Session, Timeout

# A node filter as JSON; contract, tasks, section 8.
Filter = Mapping[str, object]
T = TypeVar("T")
PURGED = "Task table purged successfully."


class Client:
    """A client for one session. Answers are the models of `drydockd.api`, or lists of them."""

    def __init__(self, session: Session) -> None:
        self.session = session

    # -- tasks

    def get_tasks(
        self,
        *,
        status: str | None = None,
        action: str | None = None,
        node: str | None = None,
        limit: int | None = None,
        marker: str | None = None,
        top_level: bool = False,
        newest_first: bool = False,
    ) -> list[Task]:
        """Return all tasks, or those that match; `marker` is the last task id of a page.

        `top_level`: without subtasks. `newest_first`: else the oldest is.
        """
        query = {
            "status": status, "action": action, "node": node, "limit": limit, "marker": marker,
            "top_level": "true" if top_level else None,
            "order": "newest" if newest_first else None,
        }  # fmt: skip
        return self._get(list[Task], "v1.0/tasks", query)

    @overload
    def get_task(
        self,
        task_id: str,
        builddata: bool | None = None,
        subtaskerrors: bool | None = None,
        layers: None = None,
    ) -> Task: ...

    @overload
    def get_task(
        self,
        task_id: str,
        builddata: bool | None = None,
        subtaskerrors: bool | None = None,
        layers: int | None = None,
    ) -> Task | TaskTree: ...

    def get_task(
        self,
        task_id: str,
        builddata: bool | None = None,
        subtaskerrors: bool | None = None,
        layers: int | None = None,
    ) -> Task | TaskTree:
        """Return a task; with `layers` the tasks by id (1: only this one, -1: all)."""
        query = {
            "builddata": "true" if builddata else None,
            "subtaskerrors": "true" if subtaskerrors else None,
            "layers": layers or None,
        }
        endpoint = f"v1.0/tasks/{_part(task_id)}"
        return self._get(TaskTree, endpoint, query) if layers else self._get(Task, endpoint, query)

    @overload
    def create_task(
        self,
        design_ref: str,
        task_action: str,
        node_filter: Filter | None = None,
        *,
        all_nodes: bool = False,
        dry_run: Literal[False] = False,
    ) -> Task: ...

    @overload
    def create_task(
        self,
        design_ref: str,
        task_action: str,
        node_filter: Filter | None = None,
        *,
        all_nodes: bool = False,
        dry_run: Literal[True],
    ) -> DryRun: ...

    @overload
    def create_task(
        self,
        design_ref: str,
        task_action: str,
        node_filter: Filter | None = None,
        *,
        all_nodes: bool = False,
        dry_run: bool,
    ) -> Task | DryRun: ...

    def create_task(
        self,
        design_ref: str,
        task_action: str,
        node_filter: Filter | None = None,
        *,
        all_nodes: bool = False,
        dry_run: bool = False,
    ) -> Task | DryRun:
        """Return the task made; with `dry_run` what it would do, and nothing is made."""
        body: dict[str, object] = {"action": task_action, "design_ref": design_ref}
        if node_filter is not None:
            body["node_filter"] = node_filter
        if all_nodes:
            body["all_nodes"] = True
        if dry_run:
            body["dry_run"] = True
            return self._post(DryRun, "v1.0/tasks", body)
        return self._post(Task, "v1.0/tasks", body)

    def delete_tasks(self, days: int | None = None) -> str:
        """Remove finished tasks older than `days` (the server's default: 90)."""
        checked(self.session.delete("v1.0/tasks", query={"days": days}))
        return PURGED

    def get_task_build_data(self, task_id: str) -> list[BuildData]:
        return self._get(list[BuildData], f"v1.0/tasks/{_part(task_id)}/builddata")

    def get_task_errors(self, task_id: str) -> dict[str, SubtaskResult]:
        """Return task id -> result of every task of the tree that has error messages."""
        task = self.get_task(task_id, subtaskerrors=True)
        found: dict[str, SubtaskResult] = {}
        if task.result.details.error_count:
            named = task.result.as_dict() | {"task_id": task.task_id}
            found[task.task_id] = SubtaskResult.model_validate(named)
        return found | task.subtask_errors

    def terminate_task(self, task_id: str) -> Task:
        return self._post(Task, f"v1.0/tasks/{_part(task_id)}/terminate", {})

    def retry_task(self, task_id: str) -> Task:
        """Return the new task, for the nodes that failed."""
        return self._post(Task, f"v1.0/tasks/{_part(task_id)}/retry", {})

    def wait_for_task(
        self,
        task_id: str,
        timeout: float | None = None,
        *,
        poll_interval: float = 15,
        on_change: Callable[[Task], None] | None = None,
    ) -> Task:
        """Return the task once it is ``complete`` or ``terminated``.

        The server holds each request until something changes; one that does not is asked
        every `poll_interval` seconds at most. A server that is away for up to a minute is
        waited for. `on_change` gets the task whenever its status changed. Raises
        ClientTimeoutError after `timeout` seconds (None: never).
        """
        return waiting.wait_for(
            lambda seconds: self._held(task_id, seconds), timeout, poll_interval, on_change
        )

    def _held(self, task_id: str, seconds: int) -> Task:
        connect, read = self.session.default_timeout
        endpoint = f"v1.0/tasks/{_part(task_id)}"
        return self._get(Task, endpoint, {"wait": seconds or None}, (connect, read + seconds))

    def get_task_events(
        self, task_id: str, last_event_id: str | None = None, *, silence: float = 60
    ) -> Iterator[events.Event]:
        """Yield the events of a task and its subtasks until it ends.

        `last_event_id` resumes after that event; more than `silence` seconds without a
        sign of life raise ClientConnectionError.
        """
        return self._events(f"v1.0/tasks/{_part(task_id)}/events", last_event_id, silence)

    def _events(
        self,
        endpoint: str,
        last_event_id: str | None,
        silence: float,
        query: Query | None = None,
    ) -> Iterator[events.Event]:
        headers = {"Accept": "text/event-stream"}
        if last_event_id is not None:
            headers["Last-Event-ID"] = last_event_id
        with self.session.stream(
            endpoint, query, headers=headers, read_timeout=silence
        ) as response:
            if response.is_error:
                response.read()
                checked(response)
            yield from events.parse(response.iter_lines())

    def get_events(
        self,
        last_event_id: str | None = None,
        *,
        node: str | None = None,
        task_id: str | None = None,
        kind: str | None = None,
        follow: bool = True,
        silence: float = 60,
    ) -> Iterator[events.Event]:
        """Yield the events of everything: from now on, or behind `last_event_id` (``0``: all kept).

        `node` and `kind` may be comma lists; of `task_id` and its subtasks only. Without `follow`
        they end where the server is now. Events ``place`` say how far the stream is, ``gap``
        that some are kept no more. More than `silence` seconds without a sign of life raise
        ClientConnectionError.
        """
        query: Query = {
            "node": node,
            "task": task_id,
            "kind": kind,
            "follow": None if follow else "false",
        }
        return self._events("v1.0/events", last_event_id, silence, query)

    def follow_events(
        self,
        last_event_id: str | None = None,
        *,
        node: str | None = None,
        task_id: str | None = None,
        kind: str | None = None,
    ) -> Iterator[events.Event]:
        """Yield the same without an end, over broken connections and restarts of the server.

        No event is left out and none comes twice. A server that is away for a minute raises.
        """
        return watching.follow_on(
            lambda last: self.get_events(last, node=node, task_id=task_id, kind=kind),
            last_event_id,
        )

    def watch_task(self, task_id: str) -> Iterator[events.Event]:
        """Yield the events of a task and its subtasks up to its end.

        It goes on over a broken connection and a restart of the server, as `wait_for_task` does;
        an event may come twice then, none is left out.
        """
        task_id = self.get_task(task_id).task_id
        return watching.follow(lambda last: self.get_task_events(task_id, last), task_id)

    # -- nodes

    def get_nodes(self) -> list[Node]:
        return self._get(list[Node], "v1.0/nodes")

    def get_node(self, nodename: str) -> NodeView:
        """Return what is known of one node now: what it waits for, since when, until when."""
        return self._get(NodeView, f"v1.0/nodes/{_part(nodename)}")

    def get_node_build_data(
        self, nodename: str, latest: bool = True, *, generator: str | None = None
    ) -> list[BuildData]:
        """Return what was learnt about a node: the newest of each kind, or all; `generator`: of
        this kind only, such as ``lshw``.
        """
        endpoint = f"v1.0/nodes/{_part(nodename)}/builddata"
        query = {"latest": bool(latest), "generator": generator}
        return self._get(list[BuildData], endpoint, query)

    def get_nodes_for_filter(self, design_ref: str, node_filter: Filter | None = None) -> list[str]:
        body: dict[str, object] = {"design_ref": design_ref}
        if node_filter is not None:
            body["node_filter"] = node_filter
        return self._post(list[str], "v1.0/nodefilter", body)

    # -- designs, boot actions, the service

    def validate_design(self, href: str) -> Validation:
        """Return the status object; an invalid design raises, with the object as `body`."""
        return self._post(Validation, "v1.0/validatedesign", {"href": href})

    def get_bootactions(
        self, *, node: str | None = None, status: str | None = None, task: str | None = None
    ) -> list[BootActionRow]:
        """Return the boot actions of what is deployed now, by node and in document order.

        `task` is the task that deployed them.
        """
        query = {"node": node, "status": status, "task": task}
        return self._get(list[BootActionRow], "v1.0/bootactions", query)

    def report_bootaction(
        self,
        action_id: str,
        key: str,
        details: Sequence[Mapping[str, object]] = (),
        status: str | None = None,
    ) -> BootActionState:
        """Add details (``message``, ``error``, anything more) and, with `status`, finish it.

        The key is the action's own or the node's, 64 hexadecimal digits; no token is sent.
        """
        body: dict[str, object] = {"details": list(details)}
        if status is not None:
            body["status"] = status
        response = self.session.request(
            "POST",
            f"v1.0/bootaction/{_part(action_id)}",
            data=body,
            headers={"X-Bootaction-Key": key},
            identified=False,
        )
        return parsed(checked(response), BootActionState)

    def get_health(self) -> bool:
        """Return whether the server calls itself healthy."""
        response = self.session.request("GET", "v1.0/health", identified=False)
        if response.status_code == httpx.codes.SERVICE_UNAVAILABLE:
            return False
        checked(response)
        return True

    def get_health_extended(self) -> Health:
        """Return the status object of the health checks, whether they passed or not."""
        response = self.session.get("v1.0/health/extended")
        if response.status_code == httpx.codes.SERVICE_UNAVAILABLE:
            body = body_of(response)
            if isinstance(body, dict) and body.get("kind") == "Status":
                return parsed(response, Health)
        return parsed(checked(response), Health)

    def get_status(self) -> Status:
        """Return version, dependencies, tasks under way and failed nodes by cause."""
        return self._get(Status, "v1.0/status")

    def get_versions(self) -> dict[str, Version]:
        """Return version -> path and status."""
        url = self.session.root_url + "versions"
        response = self.session.request("GET", url, identified=False)
        return parsed(checked(response), dict[str, Version])

    def _get(
        self, kind: type[T], endpoint: str, query: Query | None = None, timeout: Timeout = None
    ) -> T:
        return parsed(checked(self.session.get(endpoint, query=query, timeout=timeout)), kind)

    def _post(self, kind: type[T], endpoint: str, body: Mapping[str, object]) -> T:
        return parsed(checked(self.session.post(endpoint, data=body)), kind)


def _part(name: str) -> str:
    """Return a name as one path segment; ``.`` and ``..`` would climb out of it."""
    quoted = quote(name, safe="")
    return quoted.replace(".", "%2E") if quoted in (".", "..") else quoted
