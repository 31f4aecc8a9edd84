"""The health of the service. Source: contract, api, section 3."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from drydockd.api.base import Answer


class HealthMessage(Answer):
    """`message` is in the original's words; `cause`, where there is one, says what was seen."""

    kind: Literal["SimpleMessage"]
    message: str
    error: bool
    cause: str | None = None


class HealthDetails(Answer):
    error_count: int = Field(alias="errorCount")
    message_list: list[HealthMessage] = Field(alias="messageList")


class Health(Answer):
    """The Status object of health/extended; `code` is the status of the answer, 200 or 503."""

    kind: Literal["Status"]
    api_version: Literal["v1.0"] = Field(alias="apiVersion")
    metadata: dict[str, str]
    message: str
    reason: Literal["HealthCheck"]
    status: Literal["Success", "Failure"]
    details: HealthDetails
    code: Literal[200, 503]
