"""GET nodes, GET nodes/<host>, its build data, POST nodefilter."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import ClassVar

from drydockd import errors
from drydockd import log as logs
from drydockd.api.builddata import BuildData
from drydockd.api.node import Node
from drydockd.api.node import NodeView as NodeAnswer
from drydockd.api.nodefilter import NodeFilterRequest
from drydockd.design import nodefilter
from drydockd.drivers.base import Discoverer, NodeRow
from drydockd.handlers import parameters
from drydockd.handlers.barrier import Reads
from drydockd.handlers.base import BaseHandler
from drydockd.handlers.builddata import build_data_parts
from drydockd.model import BuildData as Record
from drydockd.model import timestamp
from drydockd.site import Finding
from drydockd.tasks import NodeLast, NodeView

LATEST = parameters.flag("latest", "only the newest of each generator")
GENERATOR = parameters.text("generator", "only of this generator, such as `lshw`")


class NodesHandler(BaseHandler):
    """The nodes the provisioner knows, which are not those of a design."""

    policy: ClassVar = {"GET": "read_data"}
    names: ClassVar = {"GET": "get_nodes"}
    about: ClassVar = {
        "GET": "the nodes the provisioner knows",
    }
    answers: ClassVar = {("GET", 200): list[Node]}

    async def get(self) -> None:
        driver = self.services.node_driver
        if driver is None:
            raise errors.Unavailable("No node driver enabled: set plugins.node_driver")
        rows = await driver.list_nodes()
        self.reply([_row_json(row) for row in rows])


def _row_json(row: NodeRow) -> dict[str, object]:
    """The columns of the contract; the age of a power state only where it has one."""
    told = asdict(row)
    if row.power_seen is None:
        del told["power_seen"]
    return told


class NodeHandler(BaseHandler):
    """One node, now: what it waits for, since when, until when."""

    policy: ClassVar = {"GET": "read_data"}
    names: ClassVar = {"GET": "get_node"}
    about: ClassVar = {
        "GET": "what the node waits for, since when, until when; why its last task failed",
    }
    answers: ClassVar = {("GET", 200): NodeAnswer}

    async def get(self, host: str) -> None:
        logs.bind_here(node=host)
        view = await self.services.tasks.node_view(host)
        self.reply(node_json(view))


class NodeBuildDataHandler(BaseHandler):
    policy: ClassVar = {"GET": "read_build_data"}
    names: ClassVar = {"GET": "get_node_build_data"}
    about: ClassVar = {
        "GET": "what was learnt about it",
    }
    parameters: ClassVar = {"GET": (LATEST, GENERATOR)}
    answers: ClassVar = {("GET", 200): list[BuildData]}

    async def get(self, host: str) -> None:
        latest = bool(self.given(LATEST))
        walk = self.services.store.walk_build_data(
            node=host, latest=latest, generator=self.given(GENERATOR)
        )
        found = await self._discovered(host)
        if found:
            walk = iter(found)
        await self.reply_parts(build_data_parts(walk, absent="No build data found"))

    async def _discovered(self, host: str) -> list[Record]:
        """What the provisioner keeps of a machine that nobody adopted: no task learnt it."""
        driver, now, wanted = self.services.node_driver, timestamp(), self.given(GENERATOR)
        if not isinstance(driver, Discoverer):
            return []
        return [
            Record(host, "", now, document.generator, document.data_format, document.text)
            for document in await driver.discovered(host)
            if wanted in (None, "", document.generator)
        ]


class NodeFilterHandler(BaseHandler):
    """Which nodes of a design a filter selects. It changes nothing, though it is a POST."""

    reads: ClassVar = Reads.OTHERS
    policy: ClassVar = {"POST": "read_data"}
    names: ClassVar = {"POST": "get_nodes_for_filter"}
    about: ClassVar = {
        "POST": "names of the nodes of a design that a filter selects",
    }
    bodies: ClassVar = {"POST": NodeFilterRequest}
    answers: ClassVar = {("POST", 200): list[str]}

    async def post(self) -> None:
        asked = self.parse(NodeFilterRequest)
        wanted = nodefilter.parse(asked.node_filter)
        design = await self.services.designs.load(
            asked.design_ref,
            marker=self.caller.external_marker,
            end_user=self.caller.end_user,
            owner=self.caller.user,
        )
        if not design.ok:
            raise errors.InvalidInput(first_error(design.findings))
        self.reply(nodefilter.select(design.site, wanted))


def first_error(findings: Iterable[Finding]) -> str:
    """Return the first error among `findings` as one message, with the count of the others."""
    found = [finding.message for finding in findings if finding.error]
    rest = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return f"The design cannot be used: {found[0]}{rest}"


def row_json(row: NodeRow | None) -> dict[str, object] | None:
    return None if row is None else asdict(row)


def node_json(view: NodeView) -> dict[str, object]:
    """Return the node view; keys, ids of keys and design texts are no part of it."""
    context = view.context
    return {
        "hostname": view.node,
        "provisioner": row_json(view.row),
        "provisioner_error": view.row_error,
        "task_id": view.task.task_id if view.task else None,
        "action": view.task.action if view.task else None,
        "step": view.step.action if view.step else None,
        "step_task_id": view.step.task_id if view.step else None,
        "waiting_for": view.waiting_for,
        "since": view.since,
        "until": view.until,
        "last_contact": view.last_contact,
        "boot_data": None
        if context is None
        else {
            "task_id": context.task_id,
            "created": context.created,
            "closed": context.closed,
            "delivered": dict(context.delivered),
        },
        "boot_actions": [
            {
                "action_id": action.action_id,
                "action_name": action.name,
                "status": action.status,
                "task_id": action.task_id,
                "updated": action.updated or action.created,
            }
            for action in view.boot_actions
        ],
        "last": last_json(view.last),
    }


def last_json(last: NodeLast | None) -> dict[str, object] | None:
    if last is None:
        return None
    ended = last.step or last.task
    return {
        "task_id": last.task.task_id,
        "action": last.task.action,
        "ended": ended.updated if ended.status.is_final else None,
        "outcome": last.outcome,
        "step": last.step.action if last.step else None,
        "step_task_id": last.step.task_id if last.step else None,
        "cause": last.cause,
        "remedy": last.remedy,
    }
