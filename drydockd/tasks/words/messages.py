"""Messages of tasks, in the contract's exact words: one builder for each thing they are about.

They are written by Recorder.say, or as Put in one write with what they tell of.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property

from drydockd.drivers.base import SiteNote
from drydockd.model import BootAction, Message, Task, Timestamp, timestamp
from drydockd.site import Finding
from drydockd.store.news import Wording

MESSAGE_LIMIT = 1024
CUT = " ... (cut)"

RETRYING = "Retrying task for failed entities."
EXHAUSTED = "Retry requested, out of attempts."
# How a task's message begins that says for whom it waits.
WAITING_FOR = "Waiting for "
NO_NODES = "No nodes in scope, no work to do."
NO_NODES_RELABEL = "No nodes in scope, nothing to relabel."
# Why a node is not deployed, or not waited for, in the text of the failure.
UNTOUCHED = "Nothing was done to the machine."
UNRENDERED = "boot data that could not be rendered"
# What tells the two kinds of silence apart, there too.
NEVER_FETCHED = "never fetched its boot data"
NEVER_REPORTED = "did not report to the end"


def message(
    task_id: str,
    text: str,
    *,
    error: bool = False,
    context_type: str = "NA",
    context: str = "NA",
    extra: Mapping[str, object] | None = None,
    ts: Timestamp | None = None,
) -> Message:
    """Return a message about nothing in particular; text over the limit is cut, visibly.

    `ts`: now, if it is None; when it is written, if it is empty.
    """
    if len(text) > MESSAGE_LIMIT:
        text = text[: MESSAGE_LIMIT - len(CUT)] + CUT
    return Message(
        task_id=task_id,
        message=text,
        error=error,
        context_type=context_type,
        context=context,
        ts=timestamp() if ts is None else ts,
        extra=extra or {},
    )


def on_task(task_id: str, text: str, *, error: bool = False) -> Message:
    """Return a message about the task itself."""
    return message(task_id, text, error=error, context_type="task", context=task_id)


def on_node(task_id: str, node: str, text: str, *, error: bool = False) -> Message:
    return message(task_id, text, error=error, context_type="node", context=node)


def on_boot_action(
    row: BootAction,
    text: str,
    *,
    error: bool,
    extra: Mapping[str, object] | None = None,
    ts: Timestamp | None = None,
) -> Message:
    """Return what a node reported, a message of the subtask that deployed it."""
    return message(
        row.task_id,
        text,
        error=error,
        context_type="bootaction",
        context=row.action_id,
        extra=extra,
        ts=ts,
    )


def of_finding(task_id: str, finding: Finding) -> Message:
    """Return a finding's message; code, level, diagnostic, documents and line are kept in `extra`.

    All findings of one write have its time: they were found together.
    """
    documents = [{"schema": d.schema, "name": d.name} for d in finding.documents]
    return message(
        task_id,
        finding.message,
        error=finding.error,
        context_type="document" if documents else "NA",
        context=documents[0]["name"] if documents else "NA",
        extra={
            "name": finding.code,
            "level": finding.level.value,
            "diagnostic": finding.diagnostic,
            "documents": documents,
            **({"line": finding.line} if finding.line else {}),
        },
        ts="",
    )


class Verdict:
    """All findings about a design, in their order; shared by the tasks that get it."""

    def __init__(self, findings: Iterable[Finding] = ()) -> None:
        self.findings = tuple(findings)
        self.has_error = any(finding.error for finding in self.findings)

    @cached_property
    def wording(self) -> Wording:
        """The findings as messages, made once: a site that is validated often says the same."""
        return Wording([of_finding("", finding) for finding in self.findings])


def of_note(task_id: str, note: SiteNote) -> Message:
    """Return the message of what the provisioner says about a site-wide step."""
    return message(
        task_id,
        note.text,
        error=note.error,
        context_type=note.context_type,
        context=note.context,
    )


def subtask_started(child: Task) -> Message:
    parent = child.parent_task_id or ""
    return on_task(parent, f"Started subtask {child.task_id} for action {child.action}")


def subtask_collected(child: Task) -> Message:
    return on_task(child.parent_task_id or "", f"Collected subtask {child.task_id}")
