"""Judging a compiled design by every rule, and telling the result as a Status document.

Source: contract, validation, sections 2 and 3.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from drydockd.design.rules import Rule, Verdict, all_rules
from drydockd.model import timestamp
from drydockd.site import Catalogue, Circumstances, Finding, Level, Site, Unrenderable

log = logging.getLogger(__name__)

PASSED = "Site design passed validation"
FAILED = "Site design failed validation."
REASON = "See detail messages."

_LOG_LEVELS = {Level.ERROR: logging.ERROR, Level.WARNING: logging.WARNING}


def validate(
    site: Site,
    catalogue: Catalogue | None = None,
    *,
    oob_types: Iterable[str] | None = None,
    unrenderable: Iterable[Unrenderable] = (),
    judged: Mapping[int, Sequence[Finding]] | None = None,
) -> list[Finding]:
    """Return the findings of every rule, in rule order; nothing is kept between calls.

    Only for a design without ingestion errors. `catalogue`, `oob_types` and `unrenderable` are
    the rules' circumstances (`Circumstances`). `judged` is what `judge` found before. A rule
    that breaks is an Error of its own. CPU-bound: call it in a thread for large sites.
    """
    circumstances = Circumstances(
        catalogue, None if oob_types is None else tuple(oob_types), tuple(unrenderable)
    )
    findings: list[Finding] = []
    now = timestamp()
    for rule in all_rules():
        if judged and rule.order in judged:
            found = [replace(finding, ts=now) for finding in judged[rule.order]]
        else:
            found = list(_judge(rule, site, circumstances))
        _log(rule, found)
        findings += found
    return findings


def judge(site: Site) -> dict[int, tuple[Finding, ...]]:
    """Return by the order of the rule what those found that ask for nothing but the design."""
    return {
        rule.order: tuple(_judge(rule, site, Circumstances()))
        for rule in all_rules()
        if not rule.needs_circumstances
    }


def _judge(rule: Rule, site: Site, circumstances: Circumstances) -> Iterator[Finding]:
    now = timestamp()
    is_clean = True
    try:
        for verdict in rule.check(site, circumstances):
            is_clean = is_clean and verdict.level is not Level.ERROR
            yield _finding(rule, verdict, now)
    except MemoryError:
        raise  # where memory has a limit, that is no defect of the rule
    except Exception as error:
        log.exception("rule %s %s broke", rule.code, rule.name)
        is_clean = False
        yield _finding(rule, _broken(error), now)
    if is_clean:
        yield _finding(rule, Verdict(Level.INFO, "Validation successful.", "", ()), now)


def _log(rule: Rule, found: list[Finding]) -> None:
    """One line per rule and level: a large site can have one mistake ten thousand times."""
    for level, log_level in _LOG_LEVELS.items():
        of_level = [finding for finding in found if finding.level is level]
        if of_level:
            text = "%s, %d of level %s; the first: %s"
            log.log(log_level, text, rule.code, len(of_level), level, of_level[0].message)


def _finding(rule: Rule, verdict: Verdict, now: str) -> Finding:
    return Finding(
        rule.code,
        verdict.level,
        f"{rule.name}: {verdict.text}",
        verdict.hint,
        verdict.documents,
        now,
        verdict.line,
    )


def _broken(error: Exception) -> Verdict:
    # The exception's own text may quote the design; the log has it.
    return Verdict(
        Level.ERROR,
        f"the rule itself failed ({type(error).__name__}); the design was not judged by it.",
        "This is a defect of drydockd: report it with the log entry of this time.",
        (),
    )


def status_document(findings: Iterable[Finding]) -> dict[str, object]:
    """Return the Status document that tells `findings`; its ``code`` is the HTTP status.

    Success unless any finding is an Error, whoever found it. The message is never null. A finding
    without a time gets the present one. Source: contract, validation, section 2.
    """
    now = timestamp()
    told = list(findings)
    errors = sum(finding.error for finding in told)
    return {
        "kind": "Status",
        "apiVersion": "v1.0",
        "metadata": {},
        "message": FAILED if errors else PASSED,
        "reason": REASON if errors else None,
        "status": "Failure" if errors else "Success",
        "details": {
            "errorCount": errors,
            "messageList": [finding_json(finding, now) for finding in told],
        },
        "code": 400 if errors else 200,
    }


def finding_json(finding: Finding, now: str = "") -> dict[str, object]:
    """Return one entry of ``details.messageList``; without a time it gets `now` or the present."""
    return {
        "kind": "ValidationMessage",
        "name": finding.code,
        "message": finding.message,
        "error": finding.error,
        "level": str(finding.level),
        "diagnostic": finding.diagnostic,
        "ts": finding.ts or now or timestamp(),
        "documents": [{"schema": ref.schema, "name": ref.name} for ref in finding.documents],
    }
