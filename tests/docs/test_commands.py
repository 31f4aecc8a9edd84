"""Commands and options: all that exist are documented, all that documents name exist."""

import re
from collections.abc import Iterator

import click
import pytest

from tests.docs import commands
from tests.docs.pages import ROOT, Code, codes, pages, rows

# At the start of a line or span, after a prompt, variables and a folder; or quoted in a message.
CALL = re.compile(r"(?:^(?:\$ )?(?:[A-Z_]+=\S+ )*(?:\S*/)?|`)(drydockd?)(?: ([^`]*))?(?:$|`)")
# What a shell would take as the end of the command.
END = re.compile(r"\s(?:\|\|?|&&|[<>#;]|2>)\s.*")
WORDS = re.compile(r"[\s\[\]()]+")
PLACEHOLDER = re.compile(r"\.*[A-Z_]+\.*|<.+>|\.{3}|-")


def test_the_page_of_all_commands_is_up_to_date():
    shipped = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    assert shipped == commands.page(), "write it anew: python -m tests.docs"


def called() -> Iterator[tuple[Code, str, str]]:
    """Every call in the documents, with the command it starts from and the words after it."""
    for code in codes():
        for program, words in CALL.findall(code.text):
            yield code, program, END.sub("", f" {words}")
    # In tables and headings, the words that stand above need not be said again.
    for row in rows("Command"):
        for text in row.code("Command"):
            if text.startswith("make "):
                continue  # test_links looks after those
            yield Code(row.where, text, row.under), context(row.under), text.replace("\\|", "|")
    for page in pages():
        for heading in page.headings:
            if context(heading.under[:-1]) != "drydock" and "`" not in heading.text:
                yield heading, context(heading.under[:-1]), heading.text


def context(under: tuple[str, ...]) -> str:
    """The command that the headings name, else the program."""
    named = (re.search(r"`(drydock [a-z ]+)`", heading) for heading in reversed(under))
    return next((match[1] for match in named if match), "drydock")


def unknown(name: str, text: str) -> Iterator[str]:
    """What `text` says after command `name` that is neither a command nor an option there."""
    # An optional word in brackets that is no option is a remark: [global options].
    words = [w for w in WORDS.split(re.sub(r"\[[^-\]][^\]]*\]", "", text)) if w]
    while words:
        word = words.pop(0).rstrip(".,;:")
        if word.startswith("--") or re.fullmatch(r"-\w(/.*)?", word):
            for option in re.split(r"[/|]|=", word):
                if option.startswith("-") and option not in commands.spellings(name):
                    yield f"{name} has no option {option}"
            if words and "=" not in word and takes_value(name, re.split(r"[/|]", word)[0]):
                words.pop(0)
        elif f"{name} {word}" in commands.tree():
            name = f"{name} {word}"
        elif isinstance(commands.tree()[name], click.Group) and not PLACEHOLDER.fullmatch(word):
            yield f"{name} has no command {word}"
            return
        else:
            continue


def takes_value(name: str, spelling: str) -> bool:
    words = name.split()
    levels = (" ".join(words[:length]) for length in range(len(words), 0, -1))
    found = [o for level in levels for o in commands.options(level) if spelling in o.opts]
    return bool(found) and not (found[0].is_flag or found[0].count)


def test_every_call_in_the_documents_is_understood():
    wrong = []
    flags = {spelling for action in commands.flags() for spelling in action.option_strings}
    for code, name, text in called():
        if name == "drydockd":
            said = re.findall(r"(?<!\S)--?[a-z][\w-]*", text)
            wrong += [f"{code.where}: drydockd has no {word}" for word in said if word not in flags]
        else:
            wrong += [f"{code.where}: {what}" for what in unknown(name, text)]
    assert not wrong, "\n".join(wrong)


def test_every_option_that_stands_by_itself_exists_somewhere():
    known = {s for name in commands.tree() for s in commands.spellings(name)}
    known |= {spelling for action in commands.flags() for spelling in action.option_strings}
    wrong = [
        f"{code.where}: no command has {option}"
        for code in codes()
        if code.is_span and code.text.startswith("-")
        for option in re.findall(r"(?<![\w-])--[a-z][\w-]*", code.text)
        if option not in known
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("task creat -d X", "drydock task has no command creat"),
        ("task create --nodes x", "drydock task create has no option --nodes"),
        ("lab -x", "drydock lab has no option -x"),
    ],
)
def test_a_call_that_is_wrong_is_seen(text, says):
    assert list(unknown("drydock", text)) == [says]


@pytest.mark.parametrize(
    "text",
    [
        "--url http://x task create -d REF -a ACTION [filter options] [--all-nodes] [-b]",
        "task list [--status] [-o json|table]",
        "design render DESIGN --node NAME [--type unit|file] [--list | --out DIR | -o tar]",
        "lab --once --site FILE",
        "token inspect -",
    ],
)
def test_a_call_that_is_right_is_understood(text):
    assert list(unknown("drydock", text)) == []
