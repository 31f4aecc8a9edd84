"""Reports of boot actions. Source: contract, api, section 7.2; bootactions, section 5."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import ConfigDict, FailFast, Field, JsonValue, model_validator
from pydantic_core import PydanticCustomError

from drydockd.api.base import Answer, Request
from drydockd.api.states import BootActionStatus

MESSAGE_CHARS = 16_384
RESERVED = ("context", "context_type", "ts")


class ReportDetail(Request):
    """One message of a report; every further key but the reserved ones is kept with it."""

    model_config = ConfigDict(
        extra="allow", json_schema_extra={"propertyNames": {"not": {"enum": [*RESERVED]}}}
    )
    __pydantic_extra__: dict[str, JsonValue]

    message: str = Field(max_length=MESSAGE_CHARS)
    error: bool

    @model_validator(mode="after")
    def _leaves_reserved_names(self) -> Self:
        if not self.__pydantic_extra__:
            return self
        for name in RESERVED:
            if name in self.__pydantic_extra__:
                raise PydanticCustomError("reserved", "{name} is a reserved name", {"name": name})
        return self

    @property
    def extra(self) -> dict[str, JsonValue]:
        return self.__pydantic_extra__


class BootActionReport(Request):
    """The body of POST bootaction; a `status` that is not empty is the last word."""

    status: Literal["Success", "success", "Failure", "failure", ""] = ""
    details: Annotated[list[ReportDetail], FailFast()] = Field(default_factory=list)


class BootActionState(Answer):
    """The boot action after a report."""

    node_name: str
    action_id: str
    action_name: str
    task_id: str
    action_status: BootActionStatus


class BootActionRow(Answer):
    """A boot action of a node's current deployment; `task_id` is the node's `deploy_node`."""

    node_name: str
    action_id: str
    action_name: str
    status: BootActionStatus
    task_id: str
    updated: str
