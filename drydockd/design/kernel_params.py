"""Kernel parameters: references into the hardware profile, and the line they become.

Source: contract, effective-design, section 4.
"""

from __future__ import annotations

from collections.abc import Mapping

from drydockd.errors import InvalidDesign
from drydockd.site import HardwareProfile

PREFIXES = ("hardwareprofile:", "hardwareprofile.")  # the second one as documented
Params = Mapping[str, str | bool]


def resolve(params: Params, profile: HardwareProfile) -> tuple[dict[str, str | bool], list[str]]:
    """Return the parameters with their references replaced, and a problem per bad one."""
    resolved: dict[str, str | bool] = {}
    problems = []
    for name, value in params.items():
        try:
            resolved[name] = _resolved(value, profile)
        except InvalidDesign as error:
            problems.append(f"kernel parameter {name}: {error}")
    return resolved, problems


def render(params: Params) -> str:
    """Return the parameters as one line. Raises InvalidDesign: hugepagesz without hugepages."""
    rest = dict(params)
    words = []
    if "hugepagesz" in rest:
        if "hugepages" not in rest:
            raise InvalidDesign("kernel parameter hugepagesz needs hugepages beside it")
        words = [_word(name, rest.pop(name)) for name in ("hugepagesz", "hugepages")]
    words += [_word(name, value) for name, value in rest.items()]
    return " ".join(word for word in words if word)


def _word(name: str, value: str | bool) -> str:
    if value is False:
        return ""
    return name if value is True or value == "True" else f"{name}={value}"


def _resolved(value: str | bool, profile: HardwareProfile) -> str | bool:
    if not isinstance(value, str) or not value.startswith(PREFIXES):
        return value
    kind, _, path = value[len(PREFIXES[0]) :].partition(".")
    if kind == "cpuset" and path:
        if path not in profile.cpu_sets:
            raise _unknown(value, "cpu set", path, profile, tuple(profile.cpu_sets))
        return profile.cpu_sets[path]
    if kind == "hugepages" and path:
        return _huge_pages(value, path, profile)
    raise InvalidDesign(
        f"{value} refers to nothing; write hardwareprofile:cpuset.<name> or "
        "hardwareprofile:hugepages.<name>.size (or .count)"
    )


def _huge_pages(value: str, path: str, profile: HardwareProfile) -> str:
    name, _, wanted = path.rpartition(".")
    for conf in profile.hugepages_confs:
        if conf.name == name:
            if wanted == "size":
                return conf.size
            if wanted == "count":
                return str(conf.count)
            raise InvalidDesign(f"{value}: huge pages have a size and a count, no {wanted!r}")
    known = tuple(conf.name for conf in profile.hugepages_confs)
    raise _unknown(value, "huge pages", name or path, profile, known)


def _unknown(
    value: str, what: str, name: str, profile: HardwareProfile, known: tuple[str, ...]
) -> InvalidDesign:
    return InvalidDesign(
        f"{value}: hardware profile {profile.name} has no {what} {name}; "
        f"it has {', '.join(known) or 'none'}"
    )
