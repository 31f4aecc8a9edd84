import pytest

from drydockd.auth.rules import NAMES, PREFIX
from drydockd.errors import InvalidConfig
from drydockd.migrate.rules import ORIGINAL, policy_differences


def differences(folder, text=None):
    file = folder / "policy.yaml"
    if text is not None:
        file.write_text(text)
    return list(policy_differences(file, [folder / "policy.d"]))


def test_without_a_file_the_defaults_hold_and_only_new_rules_are_told(tmp_path):
    first, *others = differences(tmp_path)
    assert first.startswith("no rule is written in")
    assert (
        f"{PREFIX}terminate_task is not in the original: it is rule:{PREFIX}delete_tasks" in others
    )
    assert all("is not in the original" in line for line in others)


def test_what_a_file_changes_is_told_with_the_default(tmp_path):
    text = (
        f'"{PREFIX}read_task": "role:reader or role:admin"\n"{PREFIX}create_task": "role:admin"\n'
    )
    lines = differences(tmp_path, text)
    assert f"{PREFIX}read_task is (role:reader or role:admin), by default role:admin" in lines
    assert not any(line.startswith(f"{PREFIX}create_task") for line in lines)


def test_rules_of_its_own_and_rules_that_guard_nothing_are_told(tmp_path):
    (tmp_path / "policy.d").mkdir()
    (tmp_path / "policy.d" / "more.yaml").write_text('ours: "role:x"\n')
    lines = differences(tmp_path, f'"{PREFIX}read_tasks": "@"\n')
    assert f"{PREFIX}read_tasks guards nothing here" in lines
    assert "ours is role:x, a rule of its own" in lines


def test_a_file_with_which_it_would_not_start_is_refused(tmp_path):
    with pytest.raises(InvalidConfig, match="remote server"):
        differences(tmp_path, f'"{PREFIX}read_task": "http://policy.example/"\n')


def test_the_original_has_no_rule_that_is_not_ours():
    assert ORIGINAL <= NAMES
