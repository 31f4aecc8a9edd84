"""drydock completion."""

import shutil
import subprocess

import pytest
from click.shell_completion import ShellComplete

from drydockd.cli.completion import PROGRAM, SHELLS, VARIABLE
from drydockd.cli.root import cli


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_asks_the_command_itself(drydock, shell):
    result = drydock("completion", shell, url=False)
    assert result.exit_code == 0
    assert f"{VARIABLE}={shell}_complete" in result.stdout


def test_a_shell_nobody_knows_is_refused(drydock):
    assert drydock("completion", "csh", url=False).exit_code == 2


@pytest.mark.parametrize(
    ("words", "last", "wanted"),
    [
        ([], "ev", "events"),
        (["task"], "cr", "create"),
        (["task", "create"], "--wa", "--wait"),
        (["events", "-o"], "y", "yaml"),
    ],
)
def test_commands_options_and_choices_are_completed(words, last, wanted):
    complete = ShellComplete(cli, {}, PROGRAM, VARIABLE)
    assert wanted in [item.value for item in complete.get_completions(words, last)]


def test_bash_takes_the_script(drydock):
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("there is no bash here")
    script = drydock("completion", "bash", url=False).stdout
    # click looks for a bash of 4.4 or newer when the script is read; a syntax check needs none.
    done = subprocess.run(
        [bash, "-n"], input=script, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
