"""How a task went so far. Source: contract, tasks, section 3."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from drydockd.api.base import Answer
from drydockd.api.message import Message
from drydockd.api.states import ResultStatus


class Link(Answer):
    rel: str
    href: str


class Details(Answer):
    """The messages in the order they were said, and how many of them are errors."""

    error_count: int = Field(alias="errorCount")
    message_list: list[Message] = Field(alias="messageList")


class Result(Answer):
    """The Status object of a task; `successes` and `failures` are names of nodes."""

    kind: Literal["Status"]
    api_version: Literal["v1.0"] = Field(alias="apiVersion")
    metadata: dict[str, str]
    message: str | None
    reason: str | None
    status: ResultStatus
    successes: list[str]
    failures: list[str]
    links: list[Link]
    details: Details


class SubtaskResult(Result):
    """An entry of ``subtask_errors``."""

    task_id: str
