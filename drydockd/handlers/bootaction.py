"""POST bootaction: a node reports what became of a boot action; GET bootactions: all there are."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from functools import partial
from typing import ClassVar

import orjson

from drydockd import errors
from drydockd import log as logs
from drydockd.api.bootaction import BootActionReport, BootActionRow, BootActionState
from drydockd.api.error import Error
from drydockd.handlers import parameters
from drydockd.handlers.base import NODE_KEY, BaseHandler
from drydockd.handlers.bootdata import KeyedHandler
from drydockd.handlers.tasks import canonical
from drydockd.model import BootAction, BootActionStatus
from drydockd.tasks import ReportDetail


class BootActionHandler(KeyedHandler):
    """``/bootaction/<id>``, ``/bootactions/<id>``: 404, 401, 403, 400, 409, in that order."""

    policy: ClassVar = {"POST": NODE_KEY}
    names: ClassVar = {"POST": "report_bootaction"}
    about: ClassVar = {
        "POST": "the boot action after the [report](boot-actions.md#reporting-from-the-node)",
    }
    bodies: ClassVar = {"POST": BootActionReport}
    answers: ClassVar = {("POST", 200): BootActionState, ("POST", 409): Error}

    async def post(self, action_id: str) -> None:
        action = await self._admitted(action_id.upper())
        logs.bind_here(node=action.node, task=action.task_id)
        report = self.parse(BootActionReport)
        if action.status is not BootActionStatus.INCOMPLETE:
            await self._admitted(action.action_id, is_open=True)
        done = await self.services.tasks.deployments.report(
            action.action_id,
            BootActionStatus(report.status.lower()) if report.status else None,
            [ReportDetail(said.message, said.error, said.extra) for said in report.details],
        )
        self.reply(
            {
                "node_name": done.node,
                "action_id": done.action_id,
                "action_name": done.name,
                "task_id": done.task_id,
                "action_status": done.status,
            }
        )

    async def _admitted(self, action_id: str, *, is_open: bool = False) -> BootAction:
        try:
            return await self.sure(partial(self._decide, action_id, is_open))
        except (errors.NotFound, errors.Unauthenticated, errors.Forbidden) as error:
            action = self.services.tasks.deployments.action(action_id)
            await self.refused(error, action.node if action else "")
            raise

    def _decide(self, action_id: str, is_open: bool) -> BootAction:
        """Return the action if the key may report on it, and with `is_open` has not ended."""
        deployments = self.services.tasks.deployments
        action = deployments.admit_report(deployments.action(action_id), self.key)
        if is_open and action.status is not BootActionStatus.INCOMPLETE:
            raise errors.Conflict(finalized(action))
        return action

    def description_of(self, error: BaseException | None, message: str) -> str:
        return "Error processing body." if isinstance(error, errors.InvalidInput) else message


# So many nodes are looked at in one turn of the loop, 1 ms or less.
SLICE = 200

NODE = parameters.text("node", "only those of this node")
STATUS = parameters.word("status", "only those in this state", BootActionStatus)
TASK = parameters.text("task", "only what this task deployed")


class BootActionsHandler(BaseHandler):
    """The boot actions of every node's current deployment, by node and in document order."""

    policy: ClassVar = {"GET": "read_data"}
    names: ClassVar = {"GET": "get_bootactions"}
    about: ClassVar = {"GET": "boot actions of what is deployed now, and what became of each"}
    parameters: ClassVar = {"GET": (NODE, STATUS, TASK)}
    answers: ClassVar = {("GET", 200): list[BootActionRow]}

    async def get(self) -> None:
        status, task, node = self.given(STATUS), self.given(TASK), self.given(NODE)
        names = self.services.store.nodes_of_tasks() if node is None else [node]
        await self.reply_parts(self._parts(names, status, canonical(task) if task else None))

    async def _parts(
        self, names: list[str], status: BootActionStatus | None, task_id: str | None
    ) -> AsyncGenerator[bytes, None]:
        lead = b"["
        for start in range(0, len(names), SLICE):
            found = [
                row_json(row)
                for name in names[start : start + SLICE]
                for row in self._rows(name, task_id)
                if status is None or row.status is status
            ]
            if found:
                yield lead + orjson.dumps(found)[1:-1]
                lead = b","
            yield b""
        yield b"[]" if lead == b"[" else b"]"

    def _rows(self, name: str, task_id: str | None) -> list[BootAction]:
        deployments = self.services.tasks.deployments
        context = deployments.current(name)
        if context is None or (task_id is not None and task_id not in self._above(context.task_id)):
            return []
        return deployments.rows(context)

    def _above(self, task_id: str | None) -> list[str]:
        """The task and those it belongs to, as far as they are there."""
        found: list[str] = []
        while task_id is not None:
            found.append(task_id)
            try:
                task_id = self.services.store.task(task_id).parent_task_id
            except errors.NotFound:
                break
        return found


def row_json(row: BootAction) -> dict[str, object]:
    return {
        "node_name": row.node,
        "action_id": row.action_id,
        "action_name": row.name,
        "status": row.status,
        "task_id": row.task_id,
        "updated": row.updated or row.created,
    }


def finalized(action: BootAction) -> str:
    return f"Action {action.action_id} status finalized, not available for update."
