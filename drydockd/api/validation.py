"""Validation of designs. Source: contract, api, section 8; validation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field, JsonValue

from drydockd.api.base import Answer, Request


class ValidationRequest(Request):
    """The body of POST validatedesign. `rel` and `type` are conventional, and not read."""

    href: str = Field(pattern=r"\S")
    rel: JsonValue = None
    type: JsonValue = None

    @classmethod
    def refusal(cls, field: str, given: Mapping[str, object]) -> str | None:
        if field == "href":
            return 'The "href" key must be provided in the request body.'
        return None


class DocumentName(Answer):
    schema_name: str = Field(alias="schema")
    name: str


class Finding(Answer):
    """What one rule, `name`, says about some documents; only level Error is an `error`."""

    kind: Literal["ValidationMessage"]
    name: str
    message: str
    error: bool
    level: Literal["Info", "Warning", "Error"]
    diagnostic: str
    ts: str
    documents: list[DocumentName]


class Findings(Answer):
    error_count: int = Field(alias="errorCount")
    message_list: list[Finding] = Field(alias="messageList")


class Validation(Answer):
    """The Status object of a design; `code` is the status of the answer, 200 or 400."""

    kind: Literal["Status"]
    api_version: Literal["v1.0"] = Field(alias="apiVersion")
    metadata: dict[str, str]
    message: str | None
    reason: str | None
    status: Literal["Success", "Failure"]
    code: Literal[200, 400]
    details: Findings
