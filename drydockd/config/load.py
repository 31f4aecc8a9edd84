"""The one load: gather all sources, check everything, report every mistake at once."""

from __future__ import annotations

import difflib
import ipaddress
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr, ValidationError

from drydockd.config.exposed import URI_PASSWORD, exposed_keys, exposed_secrets
from drydockd.config.legacy import (
    ALIASES,
    IGNORED_SECTIONS,
    current_name,
    is_ignored,
    is_without_driver,
)
from drydockd.config.options import DEFAULT_REPORT_URL, Settings
from drydockd.config.schema import OWN, Schema
from drydockd.config.sources import (
    Gathered,
    Given,
    Mistake,
    read_credentials,
    read_environment,
    read_file,
)


class ConfigError(Exception):
    """The configuration cannot be used; `mistakes` holds all of them, ``str`` one a line.

    `loaded` is what it would be but for them, if every value could be read: to be shown only.
    """

    def __init__(self, mistakes: Sequence[Mistake], loaded: Loaded | None = None) -> None:
        super().__init__("\n".join(str(mistake) for mistake in mistakes))
        self.mistakes = tuple(mistakes)
        self.loaded = loaded


@dataclass(frozen=True, slots=True)
class Loaded:
    """Checked settings, what to warn about at start, and the folder relative paths start from.

    `origins` says where each option given was written: (section, option) -> ``file:line``.
    """

    settings: Settings
    warnings: tuple[str, ...]
    base: Path
    origins: Mapping[tuple[str, str], str]


def load(
    files: Sequence[Path] = (),
    environ: Mapping[str, str] | None = None,
    schema: Schema | None = None,
) -> Loaded:
    """Read `files` (the later wins), then the environment and systemd credentials.

    Raises ConfigError with every mistake found in the values themselves; whether the files,
    drivers and addresses they name are there is `preflight`'s question. Reads each source
    once; changes nothing.
    """
    environ = environ or {}
    schema = schema or Schema()
    gathered = Gathered()
    for path in files:
        read_file(path, gathered)
    folder = environ.get("CREDENTIALS_DIRECTORY")
    credentials = Path(folder) if folder else None
    if credentials is not None:
        read_credentials(credentials, gathered, schema)
    read_environment(environ, gathered, schema)
    base = files[-1].absolute().parent if files else Path.cwd()
    known, warnings = _sort_out(gathered, schema)
    settings = _build(known, gathered, schema)
    if settings is None:
        raise ConfigError(gathered.mistakes)
    settings = _follow_public_url(settings, known)
    gathered.mistakes += _across_sections(settings, known)
    origins = {(s, o): given.origin for s, options in known.items() for o, given in options.items()}
    warnings += exposed_secrets(known, files, credentials, schema)
    warnings += exposed_keys(settings)
    loaded = Loaded(settings, (*warnings, *_worries(settings)), base, origins)
    if gathered.mistakes:
        raise ConfigError(gathered.mistakes, loaded)
    return loaded


def _sort_out(gathered: Gathered, schema: Schema) -> tuple[dict[str, dict[str, Given]], list[str]]:
    """Drop what has no meaning here, rename the old, refuse the unknown."""
    known: dict[str, dict[str, Given]] = {}
    ignored: list[str] = []
    driverless: list[str] = []
    empty: dict[str, dict[str, Given]] = {name: {} for name in gathered.sections}
    for section, options in (empty | gathered.values).items():
        if is_without_driver(section, schema.sections):
            driverless += [f"{section}.{option}" for option in options]
            continue
        if section not in schema.sections and section not in IGNORED_SECTIONS:
            gathered.mistakes.append(_no_section(schema, section, options, gathered))
            continue
        for option, given in options.items():
            name = current_name(section, option)
            if is_ignored(section, name):
                ignored.append(f"{section}.{option}")
            elif schema.option(section, name) is None:
                gathered.mistakes.append(_unknown(schema, section, option, given))
            else:
                known.setdefault(section, {})[name] = given
    return known, [
        f"{what} are ignored: " + ", ".join(sorted(names))
        for what, names in (
            ("options without a meaning here", ignored),
            ("options of drivers that are not part of this version", driverless),
        )
        if names
    ]


def _no_section(
    schema: Schema, section: str, options: Mapping[str, Given], gathered: Gathered
) -> Mistake:
    # By its first option, which may be a variable's; an empty one by its own line.
    first = next(iter(options.values()), None)
    origin = first.origin if first is not None else gathered.sections[section]
    return Mistake(origin, section, "", "no such section", None, _near(section, schema.sections))


def _unknown(schema: Schema, section: str, option: str, given: Given) -> Mistake:
    here = [*schema.sections[section], *ALIASES.get(section, ())]
    suggestion = _near(option, here)
    if suggestion is None:
        elsewhere = [f"{s}.{option}" for s, options in schema.sections.items() if option in options]
        suggestion = elsewhere[0] if elsewhere else None
    return Mistake(given.origin, section, option, "no such option", None, suggestion)


def _near(word: str, words: Sequence[str] | Mapping[str, object]) -> str | None:
    found = difflib.get_close_matches(word, list(words), n=1, cutoff=0.6)
    return found[0] if found else None


def _build(
    known: Mapping[str, Mapping[str, Given]], gathered: Gathered, schema: Schema
) -> Settings | None:
    raw: dict[str, dict[str, object]] = {
        section: {option: given.value for option, given in options.items()}
        for section, options in known.items()
    }
    drivers = {section: raw.pop(section) for section in schema.drivers if section in raw}
    for section, options in drivers.items():
        gathered.mistakes += _wrong_options(schema, section, options, known)
        for option, value in options.items():
            if schema.is_secret(section, option) and isinstance(value, str):
                options[option] = SecretStr(value)
    try:
        return Settings.model_validate({**raw, "drivers": drivers})
    except ValidationError as error:
        gathered.mistakes += [
            _translate(dict(e), known, schema) for e in error.errors(include_url=False)
        ]
        return None


def _wrong_options(
    schema: Schema,
    section: str,
    options: Mapping[str, object],
    known: Mapping[str, Mapping[str, Given]],
) -> Iterator[Mistake]:
    """What is wrong with a driver's options; one that is missing only matters to its user."""
    try:
        schema.drivers[section].model.model_validate(options)
    except ValidationError as error:
        for problem in error.errors(include_url=False):
            if problem["type"] != "missing":
                yield _translate({**problem, "loc": (section, *problem["loc"])}, known, schema)


def _translate(
    error: Mapping[str, Any], known: Mapping[str, Mapping[str, Given]], schema: Schema
) -> Mistake:
    section, *rest = (str(part) for part in error["loc"])
    option = rest[0] if rest else ""
    given = known.get(section, {}).get(option)
    if given is None:  # a rule over several options of the section
        origin = next(iter(known.get(section, {}).values())).origin
        return Mistake(origin, section, option, _plain(error["msg"]))
    value = None if schema.hides(section, option) else redact_uri(repr(given.value))
    return Mistake(given.origin, section, option, _plain(error["msg"]), value)


def _plain(message: str) -> str:
    message = message.removeprefix("Value error, ")
    return message[:1].lower() + message[1:]


def _follow_public_url(settings: Settings, known: Mapping[str, Mapping[str, Given]]) -> Settings:
    if settings.api.public_url is None or "report_url" in known.get("bootactions", {}):
        return settings
    url = settings.api.public_url.rstrip("/") + "/api/v1.0/bootactions/"
    bootactions = settings.bootactions.model_copy(update={"report_url": url})
    return settings.model_copy(update={"bootactions": bootactions})


def is_loopback(listen: str) -> bool:
    host = listen.rpartition(":")[0].strip("[]")
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _across_sections(
    settings: Settings, known: Mapping[str, Mapping[str, Given]]
) -> Iterator[Mistake]:
    def mistake(section: str, option: str, problem: str) -> Mistake:
        given = known.get(section, {}).get(option)
        return Mistake(given.origin if given else "configuration", section, option, problem)

    auth, keystone = settings.auth, settings.keystone_authtoken
    if "keystone" in auth.strategy and not keystone.auth_url:
        yield mistake("keystone_authtoken", "auth_url", "is required by auth.strategy keystone")
    if "noauth" in auth.strategy and not auth.noauth_force and not is_loopback(settings.api.listen):
        yield mistake(
            "auth",
            "strategy",
            f"noauth opens the API to everybody who reaches {settings.api.listen}; listen on "
            "127.0.0.1, or say auth.noauth_force: true",
        )
    if "noauth" in auth.strategy and len(auth.strategy) > 1:
        yield mistake("auth", "strategy", "noauth stands alone: beside it no token matters")
    if "jwt" in auth.strategy and set(auth.jwt_algorithms) - {"HS256"} and not auth.jwt_public_keys:
        yield mistake("auth", "jwt_public_keys", "is required by these auth.jwt_algorithms")


def _worries(settings: Settings) -> Iterator[str]:
    """What is allowed but rarely meant."""
    if settings.bootactions.report_url == DEFAULT_REPORT_URL:
        yield (
            "bootactions.report_url is the default, so every node reports to itself; "
            "set it, or api.public_url"
        )
    if "noauth" in settings.auth.strategy:
        yield "auth.strategy has noauth: whoever reaches the API is believed"
    if settings.store.backend == "memory":
        yield "store.backend is memory: nothing survives a restart"
    if settings.plugins.node_driver is None:
        yield "plugins.node_driver is not set: tasks that need a node driver fail"


def redact_uri(text: str) -> str:
    return URI_PASSWORD.sub(r"\1****@", text)


def effective(settings: Settings, schema: Schema) -> dict[str, dict[str, object]]:
    """Return section -> option -> value in force, secrets wrapped; drivers' as they were given."""
    own = {s: dict(getattr(settings, s)) for s in OWN}
    defaults = {s: {o: schema.default(s, o) for o in schema.sections[s]} for s in schema.drivers}
    return own | defaults | {s: defaults.get(s, {}) | {**o} for s, o in settings.drivers.items()}


def secret_values(settings: Settings) -> list[str]:
    """Return the secrets themselves, for the log's safety net; show them to nobody."""
    found = []
    webhooks = [dict(webhook) for webhook in settings.events.webhooks]
    for options in [*effective(settings, Schema()).values(), *webhooks]:
        for value in options.values():
            if isinstance(value, SecretStr) and value.get_secret_value():
                found.append(value.get_secret_value())
            elif isinstance(value, str):
                found += re.findall(r"://[^/\s:@]*:([^/\s@]+)@", value)
    return found
