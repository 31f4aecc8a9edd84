"""The manual pages: one for every command, and nothing in it that roff would take for its own."""

import re
import shutil
import subprocess

import click
import pytest

from drydockd.cli.man import main, pages, write
from drydockd.cli.root import cli
from tests.docs.commands import tree

PAGES = dict(pages(cli))


@pytest.mark.parametrize("name", tree())
def test_every_command_has_a_page_with_all_that_its_help_has(name):
    text, command = PAGES[f"{name.replace(' ', '-')}.1"], tree()[name]
    for heading in (".TH ", ".SH NAME", ".SH SYNOPSIS", ".SH DESCRIPTION", ".SH OPTIONS"):
        assert f"\n{heading}" in f"\n{text}"
    plain = text.replace("\\-", "-").replace("\\e", "\\")
    for option in command.params:
        if isinstance(option, click.Option) and not option.hidden:
            assert all(word in plain for word in option.opts), option.opts
    if command.epilog:
        assert ".SH EXAMPLES" in text
        assert all(line.strip() in plain for line in command.epilog.splitlines()[2:])


def test_there_is_no_page_of_anything_else():
    assert set(PAGES) == {f"{name.replace(' ', '-')}.1" for name in tree()}


def test_text_that_looks_like_a_request_is_text():
    @click.command(help="Does it.\n\n.sp is shown, and \\n too; it's not 'quoted'.")
    def command():
        pass

    ((name, text),) = pages(command, "x")
    assert name == "x.1"
    assert "\\&.sp is shown, and \\en too" in text
    known = r"\.(TH|SH|PP|TP|B|nf|fi)\b.*"
    assert all(re.fullmatch(known, li) for li in text.splitlines() if li.startswith((".", "'")))


def test_they_are_written_where_they_are_wanted(tmp_path, capsys):
    assert main([str(tmp_path / "build" / "man")]) == 0
    assert {p.name for p in (tmp_path / "build" / "man").iterdir()} == set(PAGES)
    assert f"{len(PAGES)} pages" in capsys.readouterr().out
    assert main([]) == 2


def test_groff_has_nothing_to_say_about_them(tmp_path):
    groff = shutil.which("groff")
    if groff is None:
        pytest.skip("there is no groff here")
    files = [str(path) for path in write(tmp_path)]
    done = subprocess.run(
        [groff, "-man", "-Tutf8", "-ww", "-z", *files],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
