"""Reads operators' rule files strictly: what oslo.policy would quietly deny is refused here."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import cast

import yaml
from oslo_config import cfg
from oslo_policy import policy

from drydockd.errors import InvalidConfig

Check = policy.Check
RuleText = str | list[str | list[str]]
REMOTE = ("http", "https")
WORDS = ("and", "or", "not")
# What a check may look at; for a trial run only the types matter.
SAMPLE_TARGET = {"project_id": "p", "user_id": "u"}
SAMPLE_CREDENTIALS: dict[str, object] = {
    "user_id": "u",
    "user_domain_id": "d",
    "project_id": "p",
    "project_domain_id": "d",
    "roles": ["r"],
    "is_admin_project": True,
    "is_admin": 0,
}
TRIAL = policy.Enforcer(cfg.ConfigOpts(), use_conf=False)


def read_rules(path: Path) -> dict[str, RuleText]:
    """Return name -> check text of one YAML (or JSON) rule file, in file order.

    Raises InvalidConfig when it cannot be read or is not a mapping of names to checks.
    """
    try:
        parsed = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidConfig(f"{path}: cannot read the policy file: {error}") from error
    except yaml.YAMLError as error:
        raise InvalidConfig(f"{path}: not YAML: {' '.join(str(error).split())}") from error
    if parsed is None:
        return {}
    if not isinstance(parsed, dict):
        raise InvalidConfig(f"{path}: expected `rule: check` lines, found {type(parsed).__name__}")
    for name, text in parsed.items():
        if not isinstance(name, str):
            raise InvalidConfig(f"{path}: rule name {name!r} is not text; quote it")
        if not _is_rule_text(text):
            raise InvalidConfig(
                f'{path}: {name}: the check must be text, found {text!r}; write "@" to allow '
                'everyone, "!" to allow no one'
            )
    return parsed


def is_there(path: Path) -> bool:
    """Whether `path` exists. Raises InvalidConfig when that may not be known."""
    try:
        return path.exists()
    except OSError as error:
        raise InvalidConfig(f"{path}: cannot read the policy: {error.strerror}") from error


def files_of(folder: Path) -> list[Path]:
    """Return the rule files of a policy.d folder: every visible file, sorted, no subfolders.

    A folder that is not there has none. Raises InvalidConfig when it cannot be listed.
    """
    if not is_there(folder):
        return []
    try:
        return sorted(p for p in folder.iterdir() if p.is_file() and not p.name.startswith("."))
    except OSError as error:
        raise InvalidConfig(f"{folder}: cannot list the policy folder: {error.strerror}") from error


def parse_rules(texts: Mapping[str, tuple[RuleText, str]], default_rule: str) -> policy.Rules:
    """Return checks ready to be asked, from name -> (text, where it was read).

    Raises InvalidConfig for a check that does not parse, asks a remote server, cannot be
    evaluated, refers to itself in a circle, or negates a rule that does not exist.
    """
    rules = _parse({n: text for n, (text, _) in texts.items()}, default_rule)
    for name, check in rules.items():
        text, where = texts[name]
        _check_parse(f"{where}: {name}", text, check)
    for name, check in rules.items():
        _check_references(f"{texts[name][1]}: {name}", check, rules, (name,))
    return rules


def undefined_references(rules: policy.Rules) -> dict[str, list[str]]:
    """Return name of a rule -> names it refers to that no one defines (they always deny)."""
    found = {}
    for name, check in rules.items():
        missing = [r for r in _references(check) if _definition(rules, r) is None]
        if missing:
            found[name] = missing
    return found


def _parse(texts: dict[str, RuleText], default_rule: str) -> policy.Rules:
    # oslo.policy logs a traceback for each check it cannot read; ours is the error to see.
    logger = logging.getLogger("oslo_policy._parser")
    logger.addFilter(_nothing)
    try:
        return policy.Rules.from_dict(cast("dict[str, str]", texts), default_rule)
    finally:
        logger.removeFilter(_nothing)


def _nothing(record: logging.LogRecord) -> bool:
    return False


def _is_rule_text(text: object) -> bool:
    if isinstance(text, list):
        return all(isinstance(t, str) or (isinstance(t, list) and _is_rule_text(t)) for t in text)
    return isinstance(text, str)


def _check_parse(where: str, text: RuleText, check: object) -> None:
    # oslo.policy logs what it does not understand and denies; every check that is written
    # must therefore be found in the result, and `!` only where it was written.
    written = sorted(_written(text))
    parsed = sorted(str(leaf) for leaf in _leaves(check))
    if written != parsed and not (text in ("", []) and parsed == ["@"]):
        raise InvalidConfig(f"{where}: cannot understand {text!r}; see oslo.policy's rule syntax")
    for leaf in _leaves(check):
        if isinstance(leaf, Check):
            _check_leaf(where, leaf)


def _check_leaf(where: str, leaf: Check) -> None:
    if leaf.kind in REMOTE:
        raise InvalidConfig(f"{where}: {leaf}: checks that ask a remote server are not supported")
    if leaf.kind == "rule":
        return
    # A trial run: what raises here would raise in every request.
    try:
        leaf(SAMPLE_TARGET, dict(SAMPLE_CREDENTIALS), TRIAL)
    except (ValueError, TypeError, SyntaxError) as error:
        raise InvalidConfig(f"{where}: {leaf}: cannot be evaluated: {error}") from None


def _written(text: RuleText) -> Iterator[str]:
    """Yield the single checks of a rule text as oslo.policy splits them."""
    if isinstance(text, list):
        for inner in text:
            yield from [inner] if isinstance(inner, str) else (str(i) for i in inner)
        return
    for token in re.split(r"\s+", text):
        clean = token.lstrip("(").rstrip(")")
        if clean and clean.lower() not in WORDS:
            yield clean


def _leaves(check: object) -> Iterator[object]:
    children: Sequence[object] = getattr(check, "rules", None) or ()
    if isinstance(check, policy.NotCheck):
        children = (check.rule,)
    if not children:
        yield check
    for child in children:
        yield from _leaves(child)


def _references(check: object) -> Iterator[str]:
    return (leaf.match for leaf in _leaves(check) if isinstance(leaf, policy.RuleCheck))


def _definition(rules: policy.Rules, name: str) -> object | None:
    try:
        return rules[name]
    except KeyError:
        return None


def _check_references(
    where: str, check: object, rules: policy.Rules, path: tuple[str, ...], negated: bool = False
) -> None:
    if isinstance(check, policy.NotCheck):
        _check_references(where, check.rule, rules, path, negated=True)
    elif isinstance(check, policy.RuleCheck):
        name = check.match
        if name in path:
            raise InvalidConfig(f"{where}: refers to itself: {' -> '.join((*path, name))}")
        target = _definition(rules, name)
        if target is None and negated:
            raise InvalidConfig(f"{where}: `not rule:{name}` would allow all: no such rule")
        if target is not None:
            _check_references(where, target, rules, (*path, name), negated)
    else:
        for child in getattr(check, "rules", ()):
            _check_references(where, child, rules, path, negated)
