"""What a configuration may hold: the daemon's own sections, and those its drivers bring along."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic.fields import FieldInfo

from drydockd.config.fields import Section
from drydockd.config.options import Settings

Options = Mapping[str, FieldInfo]


@dataclass(frozen=True, slots=True)
class DriverSection:
    """The options of one driver, or of several that share them; `about` says whose they are."""

    model: type[Section]
    about: tuple[str, ...] = ()


class Schema:
    """Every section with its options. Without `drivers`, those of the daemon itself.

    The configuration is below the drivers and cannot ask them; who knows both (`preflight`)
    passes their sections in.
    """

    def __init__(self, drivers: Mapping[str, DriverSection] | None = None) -> None:
        self.drivers: Mapping[str, DriverSection] = dict(drivers or {})
        self.sections: Mapping[str, Options] = {
            **OWN,
            **{name: section.model.model_fields for name, section in self.drivers.items()},
        }

    def option(self, section: str, option: str) -> FieldInfo | None:
        return self.sections.get(section, {}).get(option)

    def is_secret(self, section: str, option: str) -> bool:
        info = self.option(section, option)
        return info is not None and "SecretStr" in str(info.annotation)

    def hides(self, section: str, option: str) -> bool:
        """Return whether a value may hold secrets, and is not to be shown when it is wrong."""
        return self.is_secret(section, option) or (section, option) == ("events", "webhooks")

    def default(self, section: str, option: str) -> object:
        """Return the default of an option, None for one that has none."""
        if section in OWN:  # some follow others, such as the names of the loggers
            return getattr(getattr(Settings(), section), option)
        info = self.sections[section][option]
        return None if info.is_required() else info.get_default(call_default_factory=True)

    def variables(self) -> Mapping[str, tuple[str, str]]:
        """Return environment variable -> (section, option), of options that name one."""
        found = {}
        for section, options in self.sections.items():
            for option, info in options.items():
                extra = info.json_schema_extra
                if isinstance(extra, dict) and "env" in extra:
                    found[str(extra["env"])] = (section, option)
        return found


OWN: Mapping[str, Options] = {
    name: info.annotation.model_fields
    for name, info in Settings.model_fields.items()
    if isinstance(info.annotation, type) and issubclass(info.annotation, Section)
}
