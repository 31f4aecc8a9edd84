"""Tables whose columns and order the caller chooses."""

import click
import pytest
from click.testing import CliRunner

from drydockd.cli.columns import Table

TITLES = {"name": "Name", "size": "Size", "age": "Age"}
TABLE = Table(TITLES, ("name", "size"), {"age": "{} s".format})
ROWS = [{"name": "b", "size": 10, "age": 3}, {"name": "a", "size": 9}, {"name": "c", "size": 10}]


@click.command()
@TABLE.options
def listing(columns, sort):
    TABLE.echo(TABLE.in_order(ROWS, sort), columns)


def cells(*arguments):
    result = CliRunner().invoke(listing, arguments)
    assert result.exit_code == 0, result.output
    lines = [line for line in result.stdout.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_without_options_the_usual_columns_stand_as_they_came():
    assert cells() == [["Name", "Size"], ["b", "10"], ["a", "9"], ["c", "10"]]


def test_columns_are_those_asked_for_in_that_order():
    assert cells("--columns", "age, name")[:2] == [["Age", "Name"], ["3 s", "b"]]


@pytest.mark.parametrize(
    ("sort", "names"), [("size", "abc"), ("-size", "bca"), ("name", "abc"), ("age", "bac")]
)
def test_rows_are_sorted_by_value_equals_as_they_came_and_nothing_last(sort, names):
    assert [row[0] for row in cells("--sort", sort)[1:]] == list(names)


@pytest.mark.parametrize("option", ["--columns", "--sort"])
def test_a_column_that_is_none_is_wrong_usage_with_the_nearest(option):
    result = CliRunner().invoke(listing, [option, "siez"])
    assert result.exit_code == 2
    assert "no column is called siez; did you mean size?" in result.output
