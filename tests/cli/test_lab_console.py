import tempfile

import pytest

from drydockd.cli import lab_console
from tests.cli.designs import drydock


@pytest.fixture
def lab(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    folder = tmp_path / "drydock-lab-x" / "machines" / "01"
    folder.mkdir(parents=True)
    (folder.parent / "q01-bios").symlink_to("01")
    (folder / "console.log").write_bytes(b"old\n" * 9000 + b"login: \xff")
    return tmp_path / "drydock-lab-x"


def test_the_newest_labs_console_is_printed_from_its_end(lab):
    done = drydock("lab", "console", "q01-bios")
    assert done.exit_code == 0
    assert done.stdout_bytes.endswith(b"login: \xff")
    assert len(done.stdout_bytes) == 16384


def test_all_of_it_is_printed_when_asked(lab):
    assert len(drydock("lab", "console", "q01-bios", "--all").stdout_bytes) == 36008


@pytest.mark.parametrize("name", ["q07-bios", "../q01-bios", "."])
def test_a_machine_that_is_not_there_is_told_with_those_that_are(lab, name):
    done = drydock("lab", "console", name, "--state-dir", str(lab))
    assert done.exit_code == 1
    assert "there are q01-bios" in done.stderr


def test_a_lab_of_another_user_is_told_as_such(lab, monkeypatch):
    monkeypatch.setattr(lab_console.os, "access", lambda path, mode: False)
    done = drydock("lab", "console", "q01-bios")
    assert done.exit_code == 1
    assert "is another user's, as a lab under sudo: use sudo" in done.stderr


def test_following_goes_on_with_what_is_written_later(lab, monkeypatch):
    path = lab / "machines" / "01" / "console.log"
    parts = [b"one", b"two"]

    def wait(seconds):
        # What a machine says while nobody looks.
        if not parts:
            raise KeyboardInterrupt
        with path.open("ab") as file:
            file.write(parts.pop(0))

    monkeypatch.setattr(lab_console.time, "sleep", wait)
    with path.open("rb") as file:
        file.seek(0, 2)
        said = lab_console._said(file, follows=True)
        assert [next(said), next(said)] == [b"one", b"two"]
