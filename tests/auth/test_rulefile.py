"""Rule files: what oslo.policy would only log and deny refuses the start here."""

import pytest

from drydockd.auth.rulefile import files_of, parse_rules, read_rules, undefined_references
from drydockd.errors import InvalidConfig


def parsed(**texts):
    return parse_rules({name: (text, "test.yaml") for name, text in texts.items()}, "default")


@pytest.mark.parametrize(
    "text",
    [
        "role:admin",
        "role:admin or is_admin:1",
        "(role:a and (user_id:%(user_id)s)) or not role:b",
        "'x':%(user_id)s",
        "@",
        "",
        "!",
        "not (role:a or role:b)",
        [["role:a"], ["role:b", "role:c"]],
        ["role:a"],
        [],
        "project_id:%(target.project.id)s",
    ],
)
def test_rules_of_operators_are_read(text):
    assert parsed(r=text)["r"] is not None


@pytest.mark.parametrize(
    "text",
    [
        "admin",
        "role:admin or",
        "role:a role:b",
        "(role:a",
        "role:a)",
        "! role:a",
        "   ",
        "role:admin orr role:b",
        "user_id:%(user_id)",
        "user_id:%(user_id)d",
        "user_id.x:y",
        "'a:b",
        [["admin"]],
    ],
)
def test_a_check_that_cannot_be_understood_or_evaluated_is_refused(text, caplog):
    with pytest.raises(InvalidConfig, match=r"test\.yaml: r: "):
        parsed(r=text)
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize("text", ["http://x.example/ask", "role:a and https://x.example/ask"])
def test_a_check_that_asks_a_remote_server_is_refused(text):
    with pytest.raises(InvalidConfig, match="not supported"):
        parsed(r=text)


@pytest.mark.parametrize(
    "texts",
    [
        {"a": "rule:a"},
        {"a": "rule:b", "b": "role:x or rule:a"},
        {"a": "not rule:a"},
        {"default": "rule:nobody"},
    ],
)
def test_rules_that_go_in_a_circle_are_refused(texts):
    with pytest.raises(InvalidConfig, match="refers to itself"):
        parsed(**texts)


def test_the_negation_of_a_missing_rule_is_refused_since_it_would_allow_all():
    with pytest.raises(InvalidConfig, match="would allow all"):
        parsed(a="role:x and not (rule:missing)")
    with pytest.raises(InvalidConfig, match="would allow all"):
        parsed(a="not rule:b", b="rule:missing")


def test_other_references_to_missing_rules_are_found():
    assert undefined_references(parsed(a="role:x or rule:missing")) == {"a": ["missing"]}
    assert undefined_references(parsed(a="rule:missing", default="role:x")) == {}


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("- a\n- b\n", "expected `rule: check` lines"),
        ("a: b: c\n", "not YAML"),
        ("a: {b: c}\n", "must be text"),
        ("a:\n", 'write "@"'),
        ("1: role:x\n", "not text"),
        (b"\xff\xfe", "cannot read"),
    ],
)
def test_a_broken_file_is_refused_with_its_name(tmp_path, content, complaint):
    path = tmp_path / "policy.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InvalidConfig, match=complaint) as refusal:
        read_rules(path)
    assert str(path) in str(refusal.value)


def test_an_empty_file_and_json_are_fine(tmp_path):
    path = tmp_path / "policy.json"
    path.write_text("# nothing\n")
    assert read_rules(path) == {}
    path.write_text('{"a": "role:x"}')
    assert read_rules(path) == {"a": "role:x"}


def test_a_policy_folder_is_read_in_name_order_without_hidden_files_and_subfolders(tmp_path):
    for name in ("20-b.yaml", "10-a.yaml", ".hidden.yaml"):
        (tmp_path / name).touch()
    (tmp_path / "sub").mkdir()
    assert [p.name for p in files_of(tmp_path)] == ["10-a.yaml", "20-b.yaml"]
    assert files_of(tmp_path / "gone") == []
