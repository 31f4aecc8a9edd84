import json
import shlex

import pytest

from drydockd.api.actions import Action
from drydockd.cli.root import cli
from drydockd.web import commands

URL = "http://127.0.0.1:9000"
REF = "file:///srv/it's a site.yaml"


def parsed(line):
    """Let the command line read a line, without doing it; return the command's own parameters."""
    words = shlex.split(line)
    assert words.pop(0) == "drydock"
    command = cli
    context = cli.make_context("drydock", [], resilient_parsing=True)
    while words and hasattr(command, "get_command"):
        command = command.get_command(context, words.pop(0))
    return command.make_context("x", words, parent=context).params


def body(line):
    words = shlex.split(line)
    return json.loads(words[words.index("-d") + 1])


def test_the_command_line_takes_the_line_that_creates():
    lines = commands.create(Action.DEPLOY_NODES, REF, ["n1", "n2"], URL)
    found = parsed(lines.cli)
    assert (found["design_ref"], found["action"]) == (REF, "deploy_nodes")
    assert found["node_names"] == "n1,n2"


def test_curl_sends_the_same():
    lines = commands.create(Action.DESTROY_NODES, REF, None, URL)
    assert body(lines.curl) == {"action": "destroy_nodes", "design_ref": REF, "all_nodes": True}
    assert parsed(lines.cli)["all_nodes"] is True
    assert shlex.split(lines.curl)[-1] == f"{URL}/api/v1.0/tasks"
    assert 'X-Auth-Token: $OS_TOKEN"' in lines.curl


@pytest.mark.parametrize("make", [commands.show, commands.stop, commands.again])
def test_the_command_line_takes_what_is_said_of_a_task(make):
    found = parsed(make("4f6d", URL).cli)
    assert "4f6d" in (found.get("task_id"), found.get("task_id_alone"))
