"""POST bootaction: a node reports what became of a boot action."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from drydockd import errors
from drydockd import log as logs
from drydockd.handlers.base import NODE_KEY
from drydockd.handlers.bootdata import KeyedHandler
from drydockd.model import BootAction, BootActionStatus
from drydockd.tasks import ReportDetail

RESERVED = ("context", "context_type", "ts")
STATUSES = {
    "success": BootActionStatus.SUCCESS,
    "Success": BootActionStatus.SUCCESS,
    "failure": BootActionStatus.FAILURE,
    "Failure": BootActionStatus.FAILURE,
    "": None,
}
MESSAGE_CHARS = 16_384


class BootActionHandler(KeyedHandler):
    """``/bootaction/<id>``, ``/bootactions/<id>``: 404, 401, 403, 400, 409, in that order."""

    policy: ClassVar = {"POST": NODE_KEY}

    async def post(self, action_id: str) -> None:
        action = await self._admitted(action_id.upper())
        logs.bind_here(node=action.node, task=action.task_id)
        details, status = report(self.json())
        if action.status is not BootActionStatus.INCOMPLETE:
            raise errors.Conflict(finalized(action))
        done = await self.services.tasks.deployments.report(action.action_id, status, details)
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


def report(body: Mapping[str, Any]) -> tuple[list[ReportDetail], BootActionStatus | None]:
    """Return details and final status of a report, checked as a whole before anything is kept.

    Source: contract, api, section 7.2. Raises InvalidInput.
    """
    for key in body:
        if key not in ("status", "details"):
            raise errors.InvalidInput(f"{key[:60]!r}: only status and details are allowed")
    status = body.get("status", "")
    if not isinstance(status, str) or status not in STATUSES:
        raise errors.InvalidInput("status: Success, success, Failure or failure is required")
    details = body.get("details", [])
    if not isinstance(details, list):
        raise errors.InvalidInput("details: a list of objects is required")
    checked = [_detail(f"details[{number}]", detail) for number, detail in enumerate(details)]
    return checked, STATUSES[status]


def _detail(where: str, detail: object) -> ReportDetail:
    if not isinstance(detail, dict):
        raise errors.InvalidInput(f"{where}: an object is required")
    if not isinstance(detail.get("message"), str):
        raise errors.InvalidInput(f"{where}.message: text is required")
    if len(detail["message"]) > MESSAGE_CHARS:
        raise errors.InvalidInput(f"{where}.message: longer than {MESSAGE_CHARS} characters")
    if not isinstance(detail.get("error"), bool):
        raise errors.InvalidInput(f"{where}.error: true or false is required")
    for name in RESERVED:
        if name in detail:
            raise errors.InvalidInput(f"{where}.{name}: this name is reserved")
    extra = {key: value for key, value in detail.items() if key not in ("message", "error")}
    return ReportDetail(detail["message"], detail["error"], extra)
