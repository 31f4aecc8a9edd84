"""Where option values come from: YAML files, the environment, systemd credentials."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from pydantic import SecretStr

from drydockd.config.schema import Schema

PREFIX = "DRYDOCKD_"


@dataclass(frozen=True, slots=True)
class Given:
    """One value as somebody wrote it, and where."""

    value: Any
    origin: str


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong with one option; `value` is None for secrets and where it says nothing."""

    origin: str
    section: str
    option: str
    problem: str
    value: str | None = None
    suggestion: str | None = None

    def __str__(self) -> str:
        name = ".".join(part for part in (self.section, self.option) if part)
        text = f"{self.origin}: {name}: " if name else f"{self.origin}: "
        text += self.problem
        if self.value is not None:
            text += f" (got {self.value})"
        if self.suggestion:
            text += f"; did you mean {self.suggestion}?"
        return text


@dataclass(slots=True)
class Gathered:
    """All values given so far, the later source over the earlier one."""

    values: dict[str, dict[str, Given]] = field(default_factory=dict)
    # Where each section begins in a file; one without options has no values.
    sections: dict[str, str] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)

    def give(self, section: str, option: str, value: Any, origin: str) -> None:
        self.values.setdefault(section, {})[option] = Given(value, origin)


def read_file(path: Path, into: Gathered) -> None:
    """Add the options of one YAML file, each with its line."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        into.mistakes.append(Mistake(str(path), "", "", f"cannot be read: {reason}"))
        return
    loader = yaml.CSafeLoader(text)
    try:
        root = loader.get_single_node()
        if root is not None:
            _read_sections(path, root, loader, into)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "not one YAML document"
        into.mistakes.append(Mistake(f"{path}{line}", "", "", f"not YAML: {problem}"))
    finally:
        loader.dispose()


def _read_sections(path: Path, root: yaml.Node, loader: Any, into: Gathered) -> None:
    if not isinstance(root, yaml.MappingNode):
        into.mistakes.append(Mistake(str(path), "", "", "must be a mapping of sections"))
        return
    seen: set[str] = set()
    for key, body in root.value:
        origin = f"{path}:{key.start_mark.line + 1}"
        section = str(key.value).lower()
        if section in seen:
            into.mistakes.append(Mistake(origin, section, "", "section is given twice"))
        seen.add(section)
        into.sections.setdefault(section, origin)
        if isinstance(body, yaml.MappingNode):
            _read_options(path, section, body, loader, into)
        elif not (isinstance(body, yaml.ScalarNode) and body.value in ("", "~", "null")):
            into.mistakes.append(Mistake(origin, section, "", "must be a mapping of options"))


def _read_options(
    path: Path, section: str, body: yaml.MappingNode, loader: Any, into: Gathered
) -> None:
    loader.flatten_mapping(body)
    seen: set[str] = set()
    for key, node in body.value:
        option, origin = str(key.value), f"{path}:{key.start_mark.line + 1}"
        if option in seen:
            into.mistakes.append(Mistake(origin, section, option, "is given twice"))
        seen.add(option)
        into.give(section, option, loader.construct_object(node, deep=True), origin)


def read_environment(environ: Mapping[str, str], into: Gathered, schema: Schema) -> None:
    """Add ``DRYDOCKD_<SECTION>__<OPTION>``, and the variables that options name themselves."""
    for name, text in sorted(environ.items()):
        if not name.startswith(PREFIX):
            continue
        section, double, option = name.removeprefix(PREFIX).lower().partition("__")
        if double:
            into.give(section, option, _from_text(schema, section, option, text), name)
        elif near := next((s for s in schema.sections if section.startswith(f"{s}_")), None):
            wanted = f"{PREFIX}{near.upper()}__{section.removeprefix(near + '_').upper()}"
            into.mistakes.append(Mistake(name, "", "", "no such variable", suggestion=wanted))
    for name, (section, option) in schema.variables().items():
        if given := environ.get(name):
            into.give(section, option, _from_text(schema, section, option, given), name)


def _from_text(schema: Schema, section: str, option: str, text: str) -> Any:
    """Text stays text where the option is text; elsewhere it is read as YAML."""
    info = schema.option(section, option)
    if info is None or info.annotation in (str, SecretStr) or schema.is_secret(section, option):
        return text
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        return text
    # "1.2.3" or "2026-01-01" would become numbers and dates nobody asked for.
    return value if isinstance(value, bool | int | list | dict | None) else text


def read_credentials(folder: Path, into: Gathered, schema: Schema) -> None:
    """Add secrets from systemd credentials: files named ``<section>.<option>``.

    Other names are left alone: a TLS key may lie beside them. Source: systemd.exec(5),
    LoadCredential=.
    """
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        section, _, option = path.name.partition(".")
        if section not in schema.sections or not option:
            continue
        origin = f"credential {path.name}"
        if schema.is_secret(section, option):
            into.give(section, option, path.read_text(encoding="utf-8").rstrip("\n"), origin)
        else:
            into.mistakes.append(Mistake(origin, section, option, "is not a secret option"))
