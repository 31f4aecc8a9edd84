"""Policy: defaults, operators' files, reload, and what one question costs."""

import logging
from dataclasses import replace

import pytest

from drydockd.auth.policy import MAX_ANSWERS, Policy
from drydockd.auth.rules import RULES
from drydockd.errors import Forbidden, InvalidConfig, Unauthenticated
from drydockd.model import Caller

ADMIN = Caller(user="a", user_id="u1", project_id="p1", roles=("member", "Admin"))
MEMBER = Caller(user="m", user_id="u2", project_id="p1", roles=("member",))
NOBODY = Caller(user="", authenticated=False)


@pytest.fixture
def policy_file(tmp_path):
    return tmp_path / "policy.yaml"


def test_by_default_an_admin_may_everything_and_no_one_else_anything():
    policy = Policy()
    for rule in RULES:
        assert policy.allows(rule.name, ADMIN), rule
        assert not policy.allows(rule.name, MEMBER), rule
        assert not policy.allows(rule.name, NOBODY), rule


def test_refusals_tell_the_known_from_the_unknown():
    policy = Policy()
    policy.require("read_task", ADMIN)
    with pytest.raises(Forbidden, match=r"^Forbidden$"):
        policy.require("read_task", MEMBER)
    with pytest.raises(Unauthenticated, match=r"^Unauthenticated$"):
        policy.require("read_task", NOBODY)


def test_an_undefined_rule_denies_everyone():
    policy = Policy()
    assert not policy.allows("paint_nodes", ADMIN)
    assert not policy.is_defined("paint_nodes")


def test_an_undefined_rule_is_the_default_rule_where_the_operator_defines_one(policy_file):
    policy_file.write_text("default: role:member\n")
    assert Policy(policy_file).allows("paint_nodes", MEMBER)
    policy_file.write_text("fallback: role:member\n")
    assert Policy(policy_file, default_rule="fallback").allows("paint_nodes", MEMBER)


def test_operators_files_override_in_order(policy_file, tmp_path):
    policy_file.write_text(
        "physical_provisioner:read_task: role:member\nphysical_provisioner:read_data: role:member\n"
    )
    folder = tmp_path / "policy.d"
    folder.mkdir()
    (folder / "10.yaml").write_text("physical_provisioner:read_data: '!'\n")
    (folder / "20.yaml").write_text("physical_provisioner:health_data: '@'\n")
    policy = Policy(policy_file, [folder])
    assert policy.allows("read_task", MEMBER)
    assert not policy.allows("read_data", ADMIN)
    assert policy.allows("health_data", NOBODY)
    policy.require("health_data", NOBODY)
    assert policy.allows("create_task", ADMIN)


def test_terminate_follows_the_delete_rule_until_it_has_its_own(policy_file):
    policy_file.write_text("physical_provisioner:delete_tasks: role:member\n")
    assert Policy(policy_file).allows("terminate_task", MEMBER)


@pytest.mark.parametrize(
    ("check", "is_allowed"),
    [
        ("user_id:%(user_id)s", True),
        ("user_id:u2", True),
        ("user_id:u1", False),
        ("project_id:p1 and not role:admin", True),
        ("project_domain_id:d9", True),
        ("user_domain_id:default", True),
        ("is_admin_project:True", False),
        ("is_admin:1", False),
        ("role:MEMBER", True),
        ("roles:member", True),
    ],
)
def test_checks_see_the_callers_credentials(policy_file, check, is_allowed):
    policy_file.write_text(f'"physical_provisioner:read_task": "{check}"\n')
    caller = replace(MEMBER, project_domain_id="d9", user_domain_id="default")
    assert Policy(policy_file).allows("read_task", caller) is is_allowed


def test_the_right_half_of_admin_required_can_match(policy_file):
    policy_file.write_text("physical_provisioner:read_task: is_admin:1\n")
    assert Policy(policy_file).allows("read_task", ADMIN)


def test_a_broken_file_refuses_the_start(policy_file):
    policy_file.write_text("physical_provisioner:read_task: role\n")
    with pytest.raises(InvalidConfig, match=r"policy\.yaml: physical_provisioner:read_task"):
        Policy(policy_file)


def test_a_reload_takes_the_new_rules_and_forgets_old_answers(policy_file):
    policy = Policy(policy_file)
    assert not policy.allows("read_task", MEMBER)
    policy_file.write_text("physical_provisioner:read_task: role:member\n")
    assert not policy.allows("read_task", MEMBER)
    policy.reload()
    assert policy.allows("read_task", MEMBER)


def test_a_reload_with_a_broken_file_keeps_the_old_rules_and_says_so(policy_file):
    policy_file.write_text("physical_provisioner:read_task: role:member\n")
    policy = Policy(policy_file)
    policy_file.write_text("physical_provisioner:read_task: [[[\n")
    with pytest.raises(InvalidConfig, match="not YAML"):
        policy.reload()
    assert policy.allows("read_task", MEMBER)


def test_misspelt_and_dangling_rules_are_warned_of(policy_file, caplog):
    policy_file.write_text(
        "physical_provisioner:read_tasks: role:x\nphysical_provisioner:read_data: rule:gone\n"
    )
    policy = Policy(policy_file)
    assert "did you mean physical_provisioner:read_task?" in caplog.text
    assert "refers to gone" in caplog.text
    assert not policy.allows("read_data", ADMIN)


def test_a_policy_folder_that_is_a_file_is_refused(policy_file):
    policy_file.write_text("")
    with pytest.raises(InvalidConfig, match="cannot list the policy folder"):
        Policy(None, [policy_file])


def test_the_same_question_is_worked_out_once(monkeypatch):
    policy = Policy()
    asked = []
    original = Policy._ask
    monkeypatch.setattr(Policy, "_ask", lambda self, *a: asked.append(a) or original(self, *a))
    for _ in range(100):
        policy.allows("read_task", ADMIN)
        policy.allows("read_task", replace(ADMIN, request_id="another"))
    assert len(asked) == 1
    policy.allows("read_task", replace(ADMIN, roles=("reader",)))
    assert len(asked) == 2


def test_remembered_answers_are_bounded():
    policy = Policy()
    logging.getLogger("oslo_policy").setLevel(logging.INFO)
    for number in range(MAX_ANSWERS + 5):
        policy._answers[(number,)] = True
    policy.allows("read_task", ADMIN)
    assert len(policy._answers) <= MAX_ANSWERS


def test_the_checks_in_force_can_be_listed():
    checks = Policy().checks()
    assert checks["physical_provisioner:read_task"] == "role:admin"
    assert list(checks) == sorted(checks)
