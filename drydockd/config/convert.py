"""An INI configuration of the original, turned into ours."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from drydockd.config.allowed import allowances
from drydockd.config.legacy import (
    IGNORED_SECTIONS,
    ORIGINAL_DRIVERS,
    current_name,
    is_ignored,
    is_without_driver,
)
from drydockd.config.sample import inline, render
from drydockd.config.schema import Schema

INTERPOLATION = re.compile(r"\$\{(\w+)\}|\$(\w+)|(\$\$)")
TRUE = frozenset({"true", "yes", "on", "1"})
FALSE = frozenset({"false", "no", "off", "0"})


@dataclass(frozen=True, slots=True)
class Converted:
    """`text` is YAML for `drydockd.yaml`; `notes` say what was left out or changed."""

    text: str
    notes: tuple[str, ...]


class InvalidIni(Exception):
    """A line that is neither section, option, comment nor continuation; the message names it."""


def parse_ini(text: str) -> dict[str, dict[str, list[str]]]:
    """Read an oslo.config file: section -> option -> values (a repeated option is a list).

    Raises InvalidIni. Source: oslo.config, iniparser (continuation lines are indented).
    """
    sections: dict[str, dict[str, list[str]]] = {}
    options: dict[str, list[str]] | None = None
    last: str | None = None
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip()[0] in "#;":
            last = None if not line.strip() else last
        elif line.startswith("[") and line.rstrip().endswith("]"):
            options, last = sections.setdefault(line.strip()[1:-1].strip().lower(), {}), None
        elif line[0].isspace() and options is not None and last is not None:
            options[last][-1] += "\n" + line.strip()
        elif options is not None and (found := re.match(r"([^=:\s]+)\s*[=:]\s*(.*)", line)):
            last = found[1]
            options.setdefault(last, []).append(found[2].strip())
        else:
            raise InvalidIni(f"line {number}: not a section, option or comment: {line.strip()!r}")
    return sections


def convert(text: str, schema: Schema, references: Iterable[str] = ()) -> Converted:
    """Return our configuration for the original's `text`. Raises InvalidIni.

    Options of a driver that this version does not have are kept: one that has it reads them.
    What the original allowed silently follows as commented options, with the hosts and folders
    of the `references` to designs that were used.
    """
    ini = parse_ini(text)
    values: dict[str, dict[str, object]] = {}
    notes: list[str] = []
    for section, options in ini.items():
        if is_without_driver(section, schema.sections):
            values[section] = {name: _guessed(given[-1]) for name, given in options.items()}
            notes.append(
                f"[{section}] is of a driver that is not part of this version; it is kept, and "
                "may hold a secret: keep the new file from other eyes"
            )
            continue
        if section in IGNORED_SECTIONS or section not in schema.sections:
            notes.append(f"[{section}] has no meaning here and was left out")
            continue
        for option, given in options.items():
            name = current_name(section, option)
            if is_ignored(section, name) or name not in schema.sections[section]:
                notes.append(f"{section}.{option} has no meaning here and was left out")
                continue
            texts = [_interpolate(value, options, ini.get("default", {})) for value in given]
            values.setdefault(section, {})[name] = _typed(schema, section, name, texts, notes)
            if schema.is_secret(section, name):
                notes.append(f"{section}.{name} is a secret: keep the new file from other eyes")
    remarks: dict[str, dict[str, tuple[object, str]]] = {}
    for one in allowances(references):
        remarks.setdefault(one.section, {})[one.option] = (one.value, one.why)
    return Converted(_head(notes) + render(values, schema, remarks), tuple(notes))


def _interpolate(
    text: str, options: Mapping[str, list[str]], default: Mapping[str, list[str]]
) -> str:
    def replaced(match: re.Match[str]) -> str:
        if match[3]:
            return "$"
        name = match[1] or match[2]
        found = options.get(name) or default.get(name)
        return found[-1] if found else match[0]

    return INTERPOLATION.sub(replaced, text)


def _typed(schema: Schema, section: str, option: str, texts: list[str], notes: list[str]) -> object:
    if section == "plugins":
        names = [_driver(path, notes) for text in texts for path in _split(text)]
        return names if option == "oob_driver" else (names[-1] if names else None)
    annotation = str(schema.sections[section][option].annotation)
    text = texts[-1]
    if "tuple" in annotation:
        return [part for one in texts for part in _split(one)]
    if "bool" in annotation and text.lower() in TRUE | FALSE:
        return text.lower() in TRUE
    if ("int" in annotation or "float" in annotation) and re.fullmatch(r"-?\d+", text):
        return int(text)
    return text


def _guessed(text: str) -> object:
    """The value of an option whose type nobody here knows."""
    if re.fullmatch(r"-?\d+", text):
        return int(text)
    return text.lower() in TRUE if text.lower() in TRUE | FALSE else text


def _split(text: str) -> list[str]:
    return [part.strip() for part in re.split(r"[,\n]", text) if part.strip()]


def _driver(path: str, notes: list[str]) -> str:
    for fragment, short in ORIGINAL_DRIVERS.items():
        if fragment in path:
            return short
    notes.append(f"plugins: {path} has no counterpart here; it is kept as it was")
    return path


def _head(notes: list[str]) -> str:
    return "".join(f"# {inline(note)}\n" if "\n" in note else f"# {note}\n" for note in notes)
