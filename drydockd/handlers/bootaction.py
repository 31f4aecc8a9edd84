"""POST bootaction: a node reports what became of a boot action."""

from __future__ import annotations

from typing import ClassVar

from drydockd import errors
from drydockd import log as logs
from drydockd.api.bootaction import BootActionReport, BootActionState
from drydockd.handlers.base import NODE_KEY
from drydockd.handlers.bootdata import KeyedHandler
from drydockd.model import BootAction, BootActionStatus
from drydockd.tasks import ReportDetail


class BootActionHandler(KeyedHandler):
    """``/bootaction/<id>``, ``/bootactions/<id>``: 404, 401, 403, 400, 409, in that order."""

    policy: ClassVar = {"POST": NODE_KEY}
    about: ClassVar = {
        "POST": "the boot action after the [report](boot-actions.md#reporting-from-the-node)",
    }
    answers: ClassVar = {("POST", 200): BootActionState}

    async def post(self, action_id: str) -> None:
        action = await self._admitted(action_id.upper())
        logs.bind_here(node=action.node, task=action.task_id)
        report = self.parse(BootActionReport)
        if action.status is not BootActionStatus.INCOMPLETE:
            raise errors.Conflict(finalized(action))
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

    async def _admitted(self, action_id: str) -> BootAction:
        deployments = self.services.tasks.deployments
        action = deployments.action(action_id)
        try:
            return deployments.admit_report(action, self.key)
        except (errors.NotFound, errors.Unauthenticated, errors.Forbidden) as error:
            await self.refused(error, action.node if action else "")
            raise

    def description_of(self, error: BaseException | None, message: str) -> str:
        return "Error processing body." if isinstance(error, errors.InvalidInput) else message


def finalized(action: BootAction) -> str:
    return f"Action {action.action_id} status finalized, not available for update."
