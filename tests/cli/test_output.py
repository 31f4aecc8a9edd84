"""Printing."""

import json
import re

import click
import pytest
import yaml
from click.testing import CliRunner

from drydockd.cli import output

DATA = [{"b": "größe", "a": None, "list": [1, {"x": "multi\nline\n"}]}]


def printed(call, *arguments):
    return CliRunner().invoke(click.Command("x", callback=lambda: call(*arguments)))


def test_json_is_one_line():
    out = printed(output.echo_data, DATA, "json").stdout
    assert out.count("\n") == 1
    assert json.loads(out) == DATA


def test_yaml_is_in_blocks_keeps_order_and_unicode():
    out = printed(output.echo_data, DATA, "yaml").stdout
    assert out.startswith("- b: größe\n  a: null\n  list:\n")
    assert yaml.safe_load(out) == DATA


def test_an_unknown_format_is_told_and_yaml_printed():
    result = printed(output.echo_data, DATA, "xml")
    assert "xml" in result.stderr
    assert yaml.safe_load(result.stdout) == DATA


def test_a_table_fits_its_cells():
    rows = [{"a": "long value", "b": None}, {"a": 1}]
    assert printed(output.echo_table, {"a": "A", "b": "Title"}, rows).stdout.splitlines() == [
        "+------------+-------+",
        "| A          | Title |",
        "+------------+-------+",
        "| long value |       |",
        "| 1          |       |",
        "+------------+-------+",
    ]


def test_an_empty_table_still_has_its_titles():
    assert "| A |" in printed(output.echo_table, {"a": "A"}, []).stdout


@pytest.mark.parametrize("text", ["a\x1b[31mb", "a\nb", "a\x07"])
def test_no_control_character_reaches_the_terminal(text):
    out = printed(output.echo_table, {"a": "A"}, [{"a": text}]).stdout
    assert out.count("\n") == 5
    assert "\x1b" not in out
    assert "\x07" not in out


def test_yaml_and_table_are_what_json_says(drydock, server):
    server.answers["GET /versions"] = (200, {"v1.0": {"path": "/api/v1.0", "status": "stable"}})
    said = json.loads(drydock("versions").stdout)
    assert yaml.safe_load(drydock("versions", "-o", "yaml").stdout) == said
    table = drydock("versions", "-o", "table").stdout
    assert "| Field" in table
    assert "v1.0" in table


def test_a_plain_table_shows_lists_of_objects_by_their_fields(capsys):
    output.echo_plain_table(
        [{"node_name": "n1", "ok": True}, {"node_name": "n2", "more": {"a": 1}}]
    )
    output.echo_plain_table(["a"])
    output.echo_plain_table([])
    text = capsys.readouterr().out
    assert "| Node name | Ok   | More" in text
    assert '{"a": 1}' in text
    assert "| Value |" in text


COLOUR = re.compile(r"\x1b\[[0-9;]*3[0-9]")


@pytest.mark.parametrize(
    ("environment", "is_coloured"),
    [({}, False), ({"FORCE_COLOR": "1"}, True), ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False)],
)
def test_colour_is_for_terminals_and_not_where_no_color_is_set(
    drydock, tmp_path, monkeypatch, environment, is_coloured
):
    for name in ("FORCE_COLOR", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "site.yaml").write_text("nonsense: true\n")
    text = drydock("design", "validate", str(tmp_path / "site.yaml")).output
    assert "DD" in text
    assert bool(COLOUR.search(text)) == is_coloured
