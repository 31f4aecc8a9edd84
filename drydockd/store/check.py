"""Is a state directory whole? Reads everything, changes nothing, may run beside the daemon."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path

from drydockd.errors import StoreRefused
from drydockd.store.codec import ROW_CLASSES
from drydockd.store.recovery import Recovered, recover_running
from drydockd.store.statedir import StateDir, open_to_others
from drydockd.store.tables import Tables


@dataclass(slots=True)
class Report:
    """What was found: `facts` for the curious, `problems` for whoever must act.

    `boot_contexts`: how many nodes have keys that the server's secret makes.
    """

    facts: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    boot_contexts: int = 0


def check(state: StateDir) -> Report:
    """Check files, journals, blobs and permissions of `state`."""
    report = Report()
    try:
        found = recover_running(state)
    except StoreRefused as error:
        report.problems.append(str(error))
    else:
        _tell_records(report, found)
        _check_blobs(report, state, found.tables)
        report.boot_contexts = len(found.tables.boot_contexts)
    for path in open_to_others(state):
        report.problems.append(f"{path} is open to others; run `chmod -R go= {state.path}`")
    return report


def describe(tables: Tables) -> str:
    """Return the numbers of records in one line."""
    counts = [("messages", tables.message_count)]
    counts += [(name, len(tables.rows[name])) for name in ROW_CLASSES]
    return ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in sorted(counts))


def _tell_records(report: Report, found: Recovered) -> None:
    written = f"written {found.meta.written}" if found.meta else "not written yet"
    through = found.meta.seq if found.meta else 0
    report.facts.append(f"drydock.json: whole, {written}, with all writes up to {through}")
    report.facts.append(f"drydock.journal: whole, {found.replayed} writes after that")
    if found.torn_bytes:
        report.facts.append(
            f"drydock.journal: {found.torn_bytes} bytes of a write at its end that is under way"
            " or was cut short; it was never acknowledged, and the next start drops it"
        )
    if found.mark is None:
        report.facts.append("drydock.mark: not there; the next start makes it")
    else:
        report.facts.append(
            f"drydock.mark: writes up to {found.mark.seq} were acknowledged, and are there"
        )
    report.facts.append(f"records: {describe(found.tables)}")


def _check_blobs(report: Report, state: StateDir, tables: Tables) -> None:
    present = {path.name for path in state.blobs.iterdir()} if state.blobs.exists() else set()
    for digest in sorted(tables.blob_uses):
        if digest not in present:
            report.problems.append(f"blobs/{digest} is missing; records name it")
        elif not is_blob_whole(state.blobs / digest):
            report.problems.append(f"blobs/{digest} is damaged: it does not match its name")
    unused = len(present - set(tables.blob_uses))
    report.facts.append(
        f"blobs: {len(present)}, {unused} of them named by no record (the next start sweeps them)"
    )


def missing_secret(state: StateDir, contexts: int) -> str | None:
    """Say why a daemon must not make the server's secret anew, None where it may.

    `contexts` is the number of boot contexts: nodes whose keys are derived from the secret.
    """
    if not contexts or os.path.lexists(state.secret):
        return None
    return (
        f"{state.secret} is missing, and the boot keys of {contexts} nodes are derived from it."
        " Put it back (every backup holds it), or run"
        f" `drydock store new-secret --state-dir {state.path}`: it makes a new one, with which"
        " nodes that are being deployed can neither fetch their boot data nor report"
    )


def is_blob_whole(path: Path) -> bool:
    return hashlib.sha256(path.read_bytes()).hexdigest() == path.name
