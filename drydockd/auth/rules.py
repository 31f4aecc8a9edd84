"""The policy rules: name, default, what each guards; the table operators override."""

from __future__ import annotations

from dataclasses import dataclass

PREFIX = "physical_provisioner:"
ADMIN = "role:admin"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule as drydockd defines it; `check` is in oslo.policy syntax."""

    name: str
    check: str
    guards: str


def _rule(name: str, guards: str, check: str = ADMIN) -> Rule:
    return Rule(PREFIX + name, check, guards)


# Source: contract, auth-policy, section 3; terminate_task: architecture, decision 7.
RULES = (
    Rule("admin_required", "role:admin or is_admin:1", "nothing itself, for use in overrides"),
    _rule("read_task", "GET tasks, GET tasks/{id}"),
    _rule("create_task", "POST tasks; retrying a task needs it too"),
    _rule("validate_design", "POST tasks, action validate_design"),
    _rule("verify_site", "POST tasks, action verify_site"),
    _rule("prepare_site", "POST tasks, action prepare_site"),
    _rule("verify_nodes", "POST tasks, action verify_nodes"),
    _rule("prepare_nodes", "POST tasks, action prepare_nodes"),
    _rule("deploy_nodes", "POST tasks, action deploy_nodes"),
    _rule("destroy_nodes", "POST tasks, action destroy_nodes"),
    _rule("relabel_nodes", "POST tasks, action relabel_nodes"),
    _rule("delete_tasks", "DELETE tasks"),
    _rule("terminate_task", "POST tasks/{id}/terminate", f"rule:{PREFIX}delete_tasks"),
    _rule("read_build_data", "GET nodes/{host}/builddata, GET tasks/{id}/builddata"),
    _rule("read_data", "GET nodes, POST nodefilter, GET designs and their parts"),
    _rule("ingest_data", "POST designs, GET and POST designs/{id}/parts"),
    _rule("health_data", "GET health/extended"),
    _rule("validate_site_design", "POST validatedesign"),
)
NAMES = frozenset(rule.name for rule in RULES)


def full_name(name: str) -> str:
    """Return a rule name with its prefix: ``read_task`` is ``physical_provisioner:read_task``."""
    return name if ":" in name or name in NAMES else PREFIX + name
