"""Schemathesis: asks a daemon all that its API document allows, and much that it does not."""

import asyncio
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.peers.table import PEERS

PEER = PEERS["schemathesis"]
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
)
# What nobody can make up, by the name of its parameter or key; read by the hooks below.
REAL = "DRYDOCKD_REAL"
# Runs in its process. Values that are as the document says become real ones; wrong ones stay wrong.
HOOKS = """\
import json, os, re, uuid
import schemathesis

REAL = json.loads(os.environ["DRYDOCKD_REAL"])


def is_id(value):
    try:
        return bool(uuid.UUID(str(value)))
    except ValueError:
        return False


@schemathesis.hook
def before_call(context, case, kwargs):
    path, headers, body = case.path_parameters or {}, case.headers or {}, case.body
    if is_id(path.get("task_id")):
        path["task_id"] = REAL["task_id"]
    if re.fullmatch(r"[ -~]+", str(path.get("host", ""))) and "/" not in path["host"]:
        path["host"] = REAL["host"]
    if re.fullmatch(r"[0-9A-Za-z]{26}", str(path.get("action_id", ""))):
        path["action_id"] = REAL["action_id"]
    if "X-Bootaction-Key" in headers:
        headers["X-Bootaction-Key"] = REAL["key"]
    if str((case.query or {}).get("days", "")).lstrip("+-").isdigit():
        case.query["days"] = max(1, int(case.query["days"]))  # or the real task would be gone
    if isinstance(body, dict):
        for key in ("design_ref", "href"):
            if isinstance(body.get(key), str) and body[key].strip():
                body[key] = REAL["design_ref"]
        if "action" in body and body["action"] != "validate_design":
            body["dry_run"] = body.get("dry_run", True)
"""


@dataclass(frozen=True)
class Verdict:
    """How it ended: exit code 0 for nothing found; what it said; its cases, by their verdict."""

    code: int
    said: str


async def examine(
    folder: Path, document: Mapping, url: str, headers: Mapping[str, str], real: Mapping[str, str]
) -> Verdict:
    """Ask the daemon at `url`; `real` are values for parameters that cannot be made up."""
    (folder / "openapi.json").write_text(json.dumps(document))
    (folder / "drydockd_hooks.py").write_text(HOOKS)
    named = [word for name, value in headers.items() for word in ("--header", f"{name}: {value}")]
    process = await asyncio.create_subprocess_exec(
        *(PEER.environment / "bin" / "st", "run", folder / "openapi.json", "--url", url),
        *("--phases", "coverage", "--seed", "1", "--max-examples", "5", "--continue-on-failure"),
        *("--checks", ",".join(CHECKS), "--suppress-health-check", "all", "--no-color"),
        *("--request-timeout", "60", *named, *_without_streams(document)),
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        # Nothing of the test run's own, such as proxies.
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "PYTHONPATH": str(folder),
            "SCHEMATHESIS_HOOKS": "drydockd_hooks",
            REAL: json.dumps(real),
        },
    )
    try:
        said, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return Verdict(process.returncode, said.decode())


def _without_streams(document: Mapping) -> list[str]:
    """Leave out what does not end; what streams say is in tests/handlers/test_events.py."""
    names = [
        operation["operationId"]
        for methods in document["paths"].values()
        for operation in methods.values()
        if "text/event-stream" in operation["responses"].get("200", {}).get("content", {})
    ]
    return [word for name in names for word in ("--exclude-operation-id", name)]


def cases(verdict: Verdict) -> tuple[int, int]:
    """How many cases there were, and how many of them passed; fails where it does not say."""
    for line in verdict.said.splitlines():
        if " generated, " in line:
            words = line.replace(",", "").split()
            generated = int(words[words.index("generated") - 1])
            passed = int(words[words.index("passed") - 1]) if "passed" in words else 0
            return generated, passed
    pytest.fail(f"schemathesis: {verdict.said[-3000:]}")
