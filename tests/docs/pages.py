"""The documents as data: their code, tables, headings and links, each with file and line."""

import fnmatch
import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[2]
# How a forge makes an anchor of a heading: lower case, blanks to hyphens, the rest dropped.
DROPPED = re.compile(r"[^\w\- ]")
SHELL = frozenset({"", "sh", "bash", "shell", "console"})


@dataclass(frozen=True)
class Code:
    """A code span, or one line of a code block; `under` are the headings above it."""

    where: str
    text: str
    under: tuple[str, ...]
    language: str | None = None

    @property
    def is_span(self) -> bool:
        return self.language is None


@dataclass(frozen=True)
class Row:
    """One row of a table, by the words of its head; cells are source text."""

    where: str
    cells: dict[str, str]
    under: tuple[str, ...]

    def code(self, column: str) -> list[str]:
        """The code spans of that cell."""
        return re.findall(r"`([^`]+)`", self.cells[column])


@dataclass
class Page:
    """One file."""

    path: Path
    codes: list[Code] = field(default_factory=list)
    blocks: list[Code] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    headings: list[Code] = field(default_factory=list)
    links: list[tuple[str, str]] = field(default_factory=list)
    anchors: set[str] = field(default_factory=set)

    @property
    def name(self) -> str:
        return self.path.relative_to(ROOT).as_posix()


@cache
def pages() -> tuple[Page, ...]:
    """Every document of the project."""
    paths = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
    return tuple(_read(path) for path in paths)


def page(name: str) -> Page:
    (found,) = (one for one in pages() if one.name == name)
    return found


def codes() -> list[Code]:
    return [code for one in pages() for code in one.codes]


def rows(*head: str) -> list[Row]:
    """The rows of all tables that have these columns."""
    return [row for one in pages() for row in one.rows if row.cells.keys() >= set(head)]


def mentions(name: str, texts: set[str]) -> bool:
    """Whether one of `texts` is `name`, or a pattern with ``*`` that covers it."""
    return name in texts or any("*" in text and fnmatch.fnmatch(name, text) for text in texts)


def slug(heading: str) -> str:
    return DROPPED.sub("", heading.lower()).replace(" ", "-")


def _read(path: Path) -> Page:
    found = Page(path)
    text = path.read_text(encoding="utf-8")
    source = text.splitlines()
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    under: list[str] = []
    head: list[str] = []
    cells: list[str] = []
    line = 0
    in_heading, in_head = 0, False
    for token in tokens:
        if token.map is not None:
            line = token.map[0] + 1
        if token.type == "heading_open":
            in_heading = int(token.tag[1])
        elif token.type == "heading_close":
            in_heading = 0
        elif token.type in ("thead_open", "thead_close"):
            in_head = token.type == "thead_open"
        elif token.type == "tr_open":
            cells = []
        elif token.type == "tr_close" and in_head:
            head = cells
        elif token.type == "tr_close":
            row = dict(zip(head, cells, strict=True))
            found.rows.append(Row(f"{found.name}:{line}", row, tuple(under)))
        elif token.type in ("fence", "code_block"):
            _add_block(found, token, line, tuple(under))
        elif token.type == "inline":
            cells.append(token.content)
            if in_heading:
                under[in_heading - 1 :] = [token.content]
                _add_heading(found, token, line, tuple(under))
            _add_inline(found, token, line, tuple(under), source)
    return found


def _add_block(found: Page, token, line: int, under: tuple[str, ...]) -> None:
    language = token.info.strip()
    first = line + (token.type == "fence")
    found.blocks.append(Code(f"{found.name}:{first}", token.content, under, language))
    for number, text in enumerate(token.content.splitlines(), first):
        found.codes.append(Code(f"{found.name}:{number}", text.strip(), under, language))


def _add_heading(found: Page, token, line: int, under: tuple[str, ...]) -> None:
    found.headings.append(Code(f"{found.name}:{line}", token.content, under))
    words = "".join(child.content for child in token.children)
    base, number = slug(words), 0
    anchor = base
    while anchor in found.anchors:
        number += 1
        anchor = f"{base}-{number}"
    found.anchors.add(anchor)


def _add_inline(found: Page, token, line: int, under: tuple[str, ...], source: list[str]) -> None:
    for child in token.children:
        where = f"{found.name}:{line}"
        if child.type == "softbreak":
            line += 1
        elif child.type == "code_inline":
            found.codes.append(Code(where, child.content, under))
            # A span that is broken over two lines counts as one line for the parser.
            line += f"`{child.content}`" not in source[line - 1].replace("\\|", "|")
        elif child.type == "link_open":
            found.links.append((where, child.attrs["href"]))
