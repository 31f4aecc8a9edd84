"""Printing."""

import json

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
