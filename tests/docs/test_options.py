"""Options: all that exist are in the shipped file, all that documents name exist."""

import re
from collections.abc import Iterator

import pytest
import yaml

from drydockd import app, parts, preflight
from drydockd.config.sample import sample
from tests.docs.pages import Code, codes, mentions, page, pages

VARIABLE = re.compile(r"\bDRYDOCKD_[A-Z_]+")


def known() -> dict[str, set[str]]:
    """Section -> options, from the sample, which has them all; sections as they are typed."""
    found: dict[str, set[str]] = {}
    section = ""
    for line in sample(parts.schema()).splitlines():
        if match := re.match(r"(\w+):", line):
            section = match[1]
            found[section] = set()
        elif match := re.match(r"  #(\w+):", line):
            found[section].add(match[1])
    return found


def test_every_option_is_in_the_shipped_file():
    typed = {name.lower(): options for name, options in known().items()}
    missing = [
        f"{section}.{option}"
        for section, options in parts.schema().sections.items()
        for option in options
        if option not in typed.get(section, ())
    ]
    assert not missing, missing


def named() -> Iterator[tuple[Code, str, str]]:
    """Every option that a document names: in code, as a variable, in an example."""
    sections = "|".join(known())
    whole = re.compile(rf"({sections})\.([a-z_]+|\*)(?:[:= ].*)?")
    for code in codes():
        # A file of that name is no option.
        if (match := whole.fullmatch(code.text)) and match[2] not in ("py", "md", "yaml"):
            yield code, match[1], match[2]
        for variable in VARIABLE.findall(code.text):
            # Without the two underscores it is no option of the daemon's, such as DRYDOCKD_SITES.
            section, double, option = variable.removeprefix("DRYDOCKD_").lower().partition("__")
            if double:
                yield code, section, option
    for one in pages():
        for block in one.blocks:
            for section, options in example(block).items():
                for option in options:
                    yield block, section, option


def example(block: Code) -> dict[str, dict[str, object]]:
    """The sections of a block that is a configuration or a piece of one, else nothing."""
    if block.language not in ("", "yaml"):
        return {}
    try:
        read = yaml.safe_load(block.text)
    except yaml.YAMLError:
        return {}
    if not isinstance(read, dict) or not read.keys() & known().keys():
        return {}
    return {name: options for name, options in read.items() if isinstance(options, dict)}


def test_every_option_that_a_document_names_exists():
    wrong = [
        f"{code.where}: there is no option {section}.{option}"
        for code, section, option in named()
        if not any(mentions(real, {option}) for real in known().get(section, ()))
    ]
    assert not wrong, "\n".join(wrong)


async def test_the_least_that_works_works(tmp_path):
    (block,) = (
        block
        for block in page("docs/configuration.md").blocks
        if block.under[-1] == "The least that works"
    )
    file = tmp_path / "drydockd.yaml"
    file.write_text(block.text)
    # What a document cannot know: the password, and where this test may write and listen.
    environment = {
        "DRYDOCKD_KEYSTONE_AUTHTOKEN__PASSWORD": "secret",
        "DRYDOCKD_API__LISTEN": "127.0.0.1:0",
        "DRYDOCKD_STORE__STATE_DIR": str(tmp_path / "state"),
    }
    loaded = preflight.load([file], environment)
    assert not loaded.warnings
    async with app.running(loaded.settings, base=loaded.base) as running:
        assert running.url.startswith("http://127.0.0.1:")


@pytest.mark.parametrize("text", ["api: {listn: 1}", "ap: {listen: 1}\napi: {}"])
def test_an_option_that_is_wrong_is_seen_in_an_example(text):
    found = example(Code("", text, (), "yaml"))
    assert any(
        option not in known().get(s, ()) for s, options in found.items() for option in options
    )
