"""The table of rules, held against the contract and the actions."""

from pathlib import Path

from drydockd.auth.rulefile import read_rules
from drydockd.auth.rules import NAMES, PREFIX, RULES, full_name
from drydockd.model import API_ACTIONS


def test_the_defaults_are_the_contracts():
    defaults = {rule.name.removeprefix(PREFIX): rule.check for rule in RULES}
    assert defaults.pop("admin_required") == "role:admin or is_admin:1"
    assert defaults.pop("terminate_task") == "rule:physical_provisioner:delete_tasks"
    # A route of our own may have a rule of its own; nothing is open by default.
    assert set(defaults) >= {
        "create_task",
        "delete_tasks",
        "deploy_nodes",
        "destroy_nodes",
        "health_data",
        "ingest_data",
        "prepare_nodes",
        "prepare_site",
        "read_build_data",
        "read_data",
        "read_task",
        "relabel_nodes",
        "validate_design",
        "validate_site_design",
        "verify_nodes",
        "verify_site",
    }
    # Ours, not the contract's: who may read tasks may read what happens to them.
    assert defaults.pop("read_events") == f"rule:{PREFIX}read_task"
    assert set(defaults.values()) == {"role:admin"}


def test_every_action_of_the_api_has_its_rule():
    assert {full_name(action) for action in API_ACTIONS} <= NAMES


def test_a_short_name_gets_the_prefix_and_a_full_one_stays():
    assert full_name("read_task") == "physical_provisioner:read_task"
    assert full_name("physical_provisioner:read_task") == "physical_provisioner:read_task"
    assert full_name("admin_required") == "admin_required"


def test_the_sample_policy_shows_every_rule_with_its_default(tmp_path):
    sample = Path(__file__).parents[2] / "conf" / "policy.yaml"
    assert read_rules(sample) == {}
    path = tmp_path / "policy.yaml"
    path.write_text(sample.read_text(encoding="utf-8").replace('\n#"', '\n"'), encoding="utf-8")
    assert read_rules(path) == {rule.name: rule.check for rule in RULES}
