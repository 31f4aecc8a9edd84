"""`drydock lab room` on the command line."""

from click.testing import CliRunner

from drydockd.cli.room import command


def test_help_says_what_it_is_for():
    result = CliRunner().invoke(command, ["--help"])
    assert result.exit_code == 0
    assert "live on while" in result.output


def test_a_wrong_room_file_ends_with_2(tmp_path):
    (tmp_path / "room.yaml").write_text("machnes: 3\n")
    result = CliRunner().invoke(command, ["--room", str(tmp_path / "room.yaml")])
    assert result.exit_code == 2


def test_a_port_that_is_none_is_refused_by_name():
    result = CliRunner().invoke(command, ["--port", "70000"])
    assert result.exit_code == 2
    assert "--port" in result.output
