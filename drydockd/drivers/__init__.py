"""Drivers, found by the name in the configuration; `base` holds the interfaces.

A short name is a module of `drydockd.drivers.<kind>` whose ``DRIVER`` is the class; a dotted
path, ``package.module:Class``, loads a stranger's. Options are the class's keyword arguments.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import pkgutil
from collections.abc import Callable, Mapping
from typing import Any, Literal, get_type_hints, overload

from pydantic import ConfigDict, PydanticSchemaGenerationError, TypeAdapter, ValidationError

from drydockd.drivers.base import KubernetesDriver, NodeProvisioner, OobDriver
from drydockd.errors import DrydockError, InvalidInput

Kind = Literal["oob", "node", "kubernetes"]
Driver = OobDriver | NodeProvisioner | KubernetesDriver

# Class paths that configurations of the original carry; contract, orchestration, section 8.
_OLD_OOB = "drydock_provisioner.drivers.oob."
HISTORIC: Mapping[str, str] = {
    "drydock_provisioner.drivers.node.maasdriver.driver.MaasNodeDriver": "maas",
    _OLD_OOB + "pyghmi_driver.driver.PyghmiDriver": "ipmi",
    _OLD_OOB + "pyghmi_driver.PyghmiDriver": "ipmi",
    _OLD_OOB + "redfish_driver.driver.RedfishDriver": "redfish",
    _OLD_OOB + "libvirt_driver.driver.LibvirtDriver": "libvirt",
    _OLD_OOB + "manual_driver.driver.ManualDriver": "manual",
    "drydock_provisioner.drivers.kubernetes.promenade_driver.driver.PromenadeDriver": "promenade",
}
# Names that mean something although this version has no module of the name.
FORESEEN: Mapping[Kind, frozenset[str]] = {
    "oob": frozenset({"ipmi", "redfish", "libvirt"}),
    "node": frozenset({"maas", "netboot"}),
    "kubernetes": frozenset({"promenade", "direct"}),
}
# Library -> the extra of drydockd that brings it.
EXTRAS: Mapping[str, str] = {"sushy": "redfish", "pyghmi": "ipmi", "libvirt": "libvirt"}


class DriverConfigError(DrydockError):
    """A driver cannot be built as configured; the start stops with this message."""


def known(kind: Kind) -> list[str]:
    """The short names of this version's drivers of that kind, sorted."""
    package = importlib.import_module(f"drydockd.drivers.{kind}")
    return sorted(module.name for module in pkgutil.iter_modules(package.__path__))


@overload
def load(kind: Literal["oob"], name: str, options: Mapping[str, Any]) -> OobDriver: ...
@overload
def load(kind: Literal["node"], name: str, options: Mapping[str, Any]) -> NodeProvisioner: ...
@overload
def load(
    kind: Literal["kubernetes"], name: str, options: Mapping[str, Any]
) -> KubernetesDriver: ...
def load(kind: Kind, name: str, options: Mapping[str, Any]) -> Driver:
    """Build the driver. Raises DriverConfigError: unknown name, missing library, bad options.

    Needs no running loop and touches no network; `check` of the driver does.
    """
    factory = _find(kind, HISTORIC.get(name, name))
    where = f"{kind} driver {name}"
    arguments = _arguments(factory, options, where)
    try:
        driver: Driver = factory(**arguments)
    except InvalidInput as error:
        raise DriverConfigError(f"{where}: {error}") from error
    _check_interface(kind, driver, where)
    return driver


def _find(kind: Kind, name: str) -> Callable[..., Any]:
    if ":" in name:
        module, _, attribute = name.partition(":")
        return _import(kind, name, module, attribute)
    names = known(kind)
    if name in names:
        return _import(kind, name, f"drydockd.drivers.{kind}.{name}", "DRIVER")
    here = f"; there are: {', '.join(names)}"
    if name in FORESEEN[kind]:
        raise DriverConfigError(f"{kind} driver {name} is not part of this version{here}")
    near = difflib.get_close_matches(name, names, n=1)
    hint = f" (did you mean {near[0]}?)" if near else ""
    raise DriverConfigError(
        f"there is no {kind} driver {name}{hint}{here}; a driver from elsewhere is named "
        "package.module:Class"
    )


def _import(kind: Kind, name: str, module: str, attribute: str) -> Callable[..., Any]:
    try:
        found: Callable[..., Any] | None = getattr(importlib.import_module(module), attribute, None)
    except ModuleNotFoundError as error:
        library = (error.name or "").partition(".")[0]
        if extra := EXTRAS.get(library):
            raise DriverConfigError(
                f"{kind} driver {name} needs {library}: pip install 'drydockd[{extra}]'"
            ) from error
        raise DriverConfigError(f"{kind} driver {name}: {error}") from error
    if not callable(found):
        raise DriverConfigError(f"{kind} driver {name}: {module} has no class {attribute}")
    return found


def _arguments(
    factory: Callable[..., Any], options: Mapping[str, Any], where: str
) -> dict[str, Any]:
    """Return checked keyword arguments; every problem is in the error, by option name."""
    parameters = inspect.signature(factory).parameters
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return dict(options)
    problems = []
    for option in options:
        if option not in parameters:
            near = difflib.get_close_matches(option, parameters, n=1)
            hint = f", did you mean {near[0]}?" if near else ""
            offered = ", ".join(parameters) or "none"
            problems.append(f"no option {option}{hint} (options: {offered})")
    for name, parameter in parameters.items():
        if parameter.default is parameter.empty and name not in options:
            problems.append(f"option {name} is missing")
    hints = _hints(factory)
    checked = {}
    for name in parameters.keys() & options.keys():
        try:
            checked[name] = _convert(options[name], hints.get(name))
        except ValidationError as error:
            problems.append(f"option {name}: {error.errors(include_url=False)[0]['msg']}")
    if problems:
        raise DriverConfigError(f"{where}: " + "; ".join(sorted(problems)))
    return checked


def _hints(factory: Callable[..., Any]) -> dict[str, Any]:
    target = factory.__init__ if inspect.isclass(factory) else factory
    try:
        return get_type_hints(target)
    except (NameError, TypeError):
        # A stranger's annotations that only a type checker can resolve: taken unchecked.
        return {}


def _convert(value: object, hint: Any) -> Any:
    if hint is None:
        return value
    try:
        adapter = TypeAdapter(hint, config=ConfigDict(arbitrary_types_allowed=True))
    except PydanticSchemaGenerationError:
        return value
    return adapter.validate_python(value)


def _check_interface(kind: Kind, driver: object, where: str) -> None:
    """A stranger's class that lacks a method is found at the start, not in a task."""
    protocol = {"oob": OobDriver, "node": NodeProvisioner, "kubernetes": KubernetesDriver}[kind]
    wanted = [n for n, v in vars(protocol).items() if inspect.isfunction(v) and n[0] != "_"]
    missing = [name for name in wanted if not callable(getattr(driver, name, None))]
    if missing:
        raise DriverConfigError(f"{where}: the class lacks {', '.join(missing)}")
