"""The policy rules: name, default; the table operators override."""

from __future__ import annotations

from dataclasses import dataclass

PREFIX = "physical_provisioner:"
ADMIN = "role:admin"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule as drydockd defines it; `check` is in oslo.policy syntax.

    `note` says what it guards beside the routes whose `policy` names it.
    """

    name: str
    check: str = ADMIN
    note: str = ""


def _rule(name: str, note: str = "", check: str = ADMIN) -> Rule:
    return Rule(PREFIX + name, check, note)


def _action(name: str) -> Rule:
    return _rule(name, f"POST tasks and retry, action {name}")


# Source: contract, auth-policy, section 3; terminate_task: architecture, decision 7.
# `python -m tests.docs` writes conf/policy.yaml from this and the routes.
RULES = (
    Rule("admin_required", "role:admin or is_admin:1", "nothing itself, for use in overrides"),
    _rule("read_task"),
    _rule("read_events", check=f"rule:{PREFIX}read_task"),
    _rule("create_task"),
    _action("validate_design"),
    _action("verify_site"),
    _action("prepare_site"),
    _action("verify_nodes"),
    _action("prepare_nodes"),
    _action("deploy_nodes"),
    _action("destroy_nodes"),
    _action("relabel_nodes"),
    _action("accept_nodes"),
    _action("power_on_nodes"),
    _action("power_off_nodes"),
    _action("power_cycle_nodes"),
    _rule("delete_tasks"),
    _rule("terminate_task", check=f"rule:{PREFIX}delete_tasks"),
    _rule("read_build_data"),
    _rule("read_data"),
    _rule("ingest_data"),
    _rule("health_data"),
    _rule("validate_site_design"),
)
NAMES = frozenset(rule.name for rule in RULES)


def full_name(name: str) -> str:
    """Return a rule name with its prefix: ``read_task`` is ``physical_provisioner:read_task``."""
    return name if ":" in name or name in NAMES else PREFIX + name
