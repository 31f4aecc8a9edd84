"""`drydock policy check`: the matrix of rules and roles."""

import pytest
from click.testing import CliRunner

from drydockd.auth.rules import RULES
from drydockd.cli.policy import command


@pytest.fixture
def policy_file(tmp_path):
    return tmp_path / "policy.yaml"


@pytest.fixture
def check(policy_file):
    def call(*arguments):
        return CliRunner().invoke(command, ["check", *arguments, "--policy-file", str(policy_file)])

    return call


def test_the_matrix_has_every_rule_and_a_column_per_role(check):
    shown = check("--role", "admin", "--role", "member")
    assert shown.exit_code == 0, shown.output
    head, *rows = shown.output.splitlines()
    assert head.split() == ["rule", "admin", "member", "check"]
    assert [row.split()[0] for row in rows] == [rule.name for rule in RULES]
    assert all(row.split()[1:3] == ["yes", "no"] for row in rows)


def test_one_rule_answers_by_the_exit_code(check, policy_file):
    policy_file.write_text("physical_provisioner:read_task: role:member and role:eu\n")
    assert check("--role", "admin", "--rule", "read_task").exit_code == 1
    assert check("--role", "member,eu", "--rule", "read_task").exit_code == 0


def test_the_folder_beside_the_file_is_read(check, policy_file):
    folder = policy_file.parent / "policy.d"
    folder.mkdir()
    (folder / "a.yaml").write_text("physical_provisioner:read_task: '@'\n")
    assert check("--role", "", "--rule", "read_task").exit_code == 0


def test_an_undefined_rule_is_denied_and_said_to_be(check, policy_file):
    shown = check("--role", "admin", "--rule", "paint_nodes")
    assert shown.exit_code == 1
    assert "not defined: denied" in shown.output
    policy_file.write_text("default: role:admin\n")
    assert "the default rule" in check("--role", "admin", "--rule", "paint_nodes").output


def test_a_broken_file_is_reported_as_the_daemon_would(check, policy_file):
    policy_file.write_text("physical_provisioner:read_task: role\n")
    shown = check("--role", "admin")
    assert shown.exit_code == 1
    assert "policy.yaml: physical_provisioner:read_task: cannot understand" in shown.output
