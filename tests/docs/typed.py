"""Pages that tests type: blocks of commands (``sh``), each with lines that it says (``text``)."""

import re
from dataclasses import dataclass

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Step:
    """One block of commands, and the lines that the page shows of what they say."""

    line: int
    commands: str
    shown: tuple[str, ...] = ()


def steps(text: str) -> list[Step]:
    found: list[Step] = []
    for block in BLOCK.finditer(text):
        line = text[: block.start()].count("\n") + 2
        if block[1] == "sh":
            found.append(Step(line, block[2]))
        else:
            assert block[1] == "text", f"line {line}: neither commands nor what they say"
            found[-1] = Step(found[-1].line, found[-1].commands, tuple(block[2].splitlines()))
    return found


def missing(shown: tuple[str, ...], said: str) -> list[str]:
    """The lines that were not said, in the order in which they are shown."""
    lines = iter(said.splitlines())
    return [line for line in shown if not any(is_it(line, heard) for heard in lines)]


def is_it(shown: str, heard: str) -> bool:
    """Whether they are alike but for `...` and for how many blanks there are."""
    parts = [re.escape(" ".join(part.split())) for part in shown.split("...")]
    return re.fullmatch(r"\s*.*\s*".join(parts), " ".join(heard.split())) is not None
