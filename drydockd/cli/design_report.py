"""What validation found, told three ways: a table, the Status document, SARIF."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from drydockd import __version__
from drydockd.design import Design
from drydockd.design.rules import all_rules
from drydockd.design.written import written_documents
from drydockd.site import DocumentRef, Finding, Level

SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_STYLES = {Level.ERROR: "bold red", Level.WARNING: "yellow", Level.INFO: "green"}
_SARIF_LEVELS = {Level.ERROR: "error", Level.WARNING: "warning", Level.INFO: "none"}


class Report:
    """The findings of one design, each with the line it is about, 0 where nobody knows."""

    def __init__(self, design: Design, findings: Sequence[Finding]) -> None:
        self.source = design.ref
        self.findings = findings
        self._documents = written_documents(design.content)

    @property
    def has_errors(self) -> bool:
        return any(finding.error for finding in self.findings)

    def line_of(self, finding: Finding) -> int:
        """The finding's own line, else that of the first document it names."""
        if finding.line or not finding.documents:
            return finding.line
        return self._line_of_document(finding.documents[0])

    def _line_of_document(self, document: DocumentRef) -> int:
        written = self._documents.get((_kind(document), document.name))
        return written.line if written else 0


def _kind(document: DocumentRef) -> str:
    parts = document.schema.split("/")
    return parts[1] if len(parts) == 3 else document.schema


def print_table(report: Report, console: Console) -> None:
    """Errors and warnings as a table, and a line that sums up; successes are only counted."""
    table = Table(box=None, pad_edge=False, show_edge=False)
    for heading in ("Level", "Code", "Where", "What is wrong, and what would be right"):
        table.add_column(heading, overflow="fold")
    for finding in report.findings:
        if finding.level is not Level.INFO:
            table.add_row(
                Text(str(finding.level), _STYLES[finding.level]),
                finding.code,
                Text(_where(report, finding)),
                Text.assemble(finding.message, "\n", (finding.diagnostic, "dim")),
            )
    if table.row_count:
        console.print(table)
    console.print(Text(_summary(report), _STYLES[_worst(report)]), soft_wrap=True)


def _where(report: Report, finding: Finding) -> str:
    documents = [f"{_kind(ref)} {ref.name}" for ref in finding.documents]
    line = report.line_of(finding)
    return "\n".join([*documents, *([f"line {line}"] if line else [])])


def _worst(report: Report) -> Level:
    levels = {finding.level for finding in report.findings}
    return next((level for level in (Level.ERROR, Level.WARNING) if level in levels), Level.INFO)


def _summary(report: Report) -> str:
    count = {level: sum(f.level is level for f in report.findings) for level in Level}
    verdict = "invalid" if count[Level.ERROR] else "valid"
    return (
        f"{report.source}: {verdict}, {_plural(count[Level.ERROR], 'error')}, "
        f"{_plural(count[Level.WARNING], 'warning')}, {count[Level.INFO]} rules passed"
    )


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def sarif(reports: Sequence[Report]) -> dict[str, object]:
    """Return all findings as one run of SARIF 2.1.0; a passed rule is a result of kind pass."""
    ids: dict[str, dict[str, object]] = {
        _rule_id(rule.code, rule.name): {"name": rule.name} for rule in all_rules()
    }
    results = []
    for report in reports:
        for finding in report.findings:
            rule_id = _rule_id_of(finding)
            ids.setdefault(rule_id, {"name": _rule_name(finding) or "Ingestion"})
            results.append(_result(report, finding, rule_id, list(ids).index(rule_id)))
    rules = [
        {"id": rule_id, "name": about["name"], "shortDescription": {"text": about["name"]}}
        for rule_id, about in ids.items()
    ]
    driver = {"name": "drydockd", "version": __version__, "rules": rules}
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return {"$schema": SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}


def _result(report: Report, finding: Finding, rule_id: str, index: int) -> dict[str, object]:
    text = f"{finding.message} {finding.diagnostic}".strip()
    return {
        "ruleId": rule_id,
        "ruleIndex": index,
        "kind": "pass" if finding.level is Level.INFO else "fail",
        "level": _SARIF_LEVELS[finding.level],
        "message": {"text": text},
        "locations": [_location(report, finding)],
    }


def _location(report: Report, finding: Finding) -> dict[str, object]:
    physical: dict[str, object] = {"artifactLocation": {"uri": report.source.replace(" ", "%20")}}
    line = report.line_of(finding)
    if line:
        physical["region"] = {"startLine": line}
    location: dict[str, object] = {"physicalLocation": physical}
    if finding.documents:
        location["logicalLocations"] = [
            {"name": ref.name, "fullyQualifiedName": f"{ref.schema}/{ref.name}", "kind": "resource"}
            for ref in finding.documents
        ]
    return location


def _rule_id(code: str, name: str | None) -> str:
    """A code alone is not unique: five of them name two rules."""
    return f"{code}.{re.sub('[^A-Za-z0-9]', '', name)}" if name else code


def _rule_id_of(finding: Finding) -> str:
    return _rule_id(finding.code, _rule_name(finding))


def _rule_name(finding: Finding) -> str | None:
    name = finding.message.partition(": ")[0]
    known = {(rule.code, rule.name) for rule in all_rules()}
    return name if (finding.code, name) in known else None
