"""What the original's rule files allow otherwise than drydockd does without any."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from drydockd.auth import rulefile
from drydockd.auth.policy import DEFAULT_RULE, Policy
from drydockd.auth.rules import NAMES, PREFIX, RULES

# Rules the original has no name for: its files say nothing of them.
ORIGINAL = frozenset(
    PREFIX + name
    for name in (
        *("read_task", "create_task", "validate_design", "verify_site", "prepare_site"),
        *("verify_nodes", "prepare_nodes", "deploy_nodes", "destroy_nodes", "relabel_nodes"),
        *("delete_tasks", "read_build_data", "read_data", "ingest_data", "health_data"),
        "validate_site_design",
    )
)


def policy_differences(
    policy_file: Path, policy_dirs: Sequence[Path], default_rule: str = DEFAULT_RULE
) -> Iterator[str]:
    """Check rule files as the daemon would, and yield in what they differ from its defaults.

    Raises InvalidConfig for files with which it would not start.
    """
    policy = Policy(policy_file, policy_dirs, default_rule)
    defaults = Policy(None, (), default_rule).checks()
    named = _named(policy_file, policy_dirs)
    if not named:
        yield f"no rule is written in {policy_file}: the defaults hold, which are the original's"
    for name, check in policy.checks().items():
        if name.startswith(PREFIX) and name not in NAMES:
            yield f"{name} guards nothing here"
        elif name in named and check != defaults.get(name):
            before = f", by default {defaults[name]}" if name in defaults else ", a rule of its own"
            yield f"{name} is {check}{before}"
    for rule in RULES:
        if rule.name.startswith(PREFIX) and rule.name not in ORIGINAL and rule.name not in named:
            yield f"{rule.name} is not in the original: it is {rule.check}"


def _named(policy_file: Path, policy_dirs: Sequence[Path]) -> set[str]:
    files = [policy_file] if rulefile.is_there(policy_file) else []
    files += [path for folder in policy_dirs for path in rulefile.files_of(folder)]
    return {name for path in files for name in rulefile.read_rules(path)}
