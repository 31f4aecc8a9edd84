"""Validation findings as messages of a task."""

from __future__ import annotations

from drydockd.model import Message
from drydockd.site import Finding
from drydockd.tasks.words import records


def finding_message(task_id: str, finding: Finding) -> Message:
    """Return the message; code, level, diagnostic and documents are kept in `extra`."""
    documents = [{"schema": d.schema, "name": d.name} for d in finding.documents]
    return records.message(
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
        },
    )
