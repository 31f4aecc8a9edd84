"""An id alone, or with its option: see test_task and test_bootaction for all commands."""

import click
import pytest
from click.testing import CliRunner

from drydockd.cli import ids


@click.command()
@ids.task_id
@click.option("--more")
def show(task_id, more):
    click.echo(f"{task_id} {more}")


@pytest.mark.parametrize("given", [["t1"], ["--task-id", "t1"], ["-t", "t1"], ["t1", "-t", "t1"]])
def test_an_id_is_the_same_however_it_is_given(given):
    assert CliRunner().invoke(show, given).stdout == "t1 None\n"


@pytest.mark.parametrize(
    ("given", "said"), [([], "must be specified by --task-id"), (["a", "-t", "b"], "differ")]
)
def test_no_id_and_two_ids_are_wrong_usage(given, said):
    result = CliRunner().invoke(show, given)
    assert result.exit_code == 2
    assert said in result.output
