"""Drivers, found by the name in the configuration; `base` holds the interfaces.

A short name is a module of `drydockd.drivers.<kind>` that states its ``DRIVER`` (`options`);
a dotted path, ``package.module:Name``, loads a stranger's statement of the same form, or
a bare class whose keyword arguments are its options.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args, overload

from drydockd.config import DriverSection
from drydockd.config.legacy import driver_name
from drydockd.drivers import arguments
from drydockd.drivers.base import Driver, KubernetesDriver, NodeProvisioner, OobDriver
from drydockd.drivers.options import AnyOffer, Offer
from drydockd.errors import InvalidConfig

Kind = Literal["oob", "node", "kubernetes"]
KINDS: tuple[Kind, ...] = get_args(Kind)
PROTOCOLS: Mapping[Kind, type] = {
    "oob": OobDriver,
    "node": NodeProvisioner,
    "kubernetes": KubernetesDriver,
}


@dataclass(frozen=True, slots=True)
class Shipped:
    """A driver of this version, under the name that the configuration gives it."""

    kind: Kind
    name: str
    offer: AnyOffer


@dataclass(frozen=True, slots=True)
class Found:
    """What a name of the configuration leads to; `section` is None for a stranger's."""

    kind: Kind
    name: str
    factory: AnyOffer | Callable[..., object]
    section: str | None = None

    def make(self, options: Mapping[str, object], *, is_shared: bool = False) -> Driver:
        """Build the driver. Raises InvalidConfig: options, something not installed, no driver.

        `is_shared`: several daemons may work with it, one at a time.
        Needs no running loop and touches no network; `check` of the driver does.
        """
        where = f"{self.kind} driver {self.name}"
        driver: object
        if isinstance(self.factory, Offer):
            prefix = f"{self.section}." if self.section else "option "
            driver = self.factory.build(options, where, prefix, is_shared=is_shared)
        else:
            driver = arguments.call(self.factory, options, where)
        _check_interface(self.kind, driver, where)
        return cast("Driver", driver)


def shipped() -> tuple[Shipped, ...]:
    """Return every driver of this version with its options, by kind and name.

    A module of a kind's folder that states no driver is a helper of one.
    """
    found = []
    for kind in KINDS:
        package = importlib.import_module(f"drydockd.drivers.{kind}")
        for name in sorted(module.name for module in pkgutil.iter_modules(package.__path__)):
            module = importlib.import_module(f"{package.__name__}.{name}")
            if isinstance(offer := getattr(module, "DRIVER", None), Offer):
                found.append(Shipped(kind, name, offer))
    return tuple(found)


def known(kind: Kind) -> list[str]:
    """The short names of this version's drivers of that kind, sorted."""
    return [driver.name for driver in shipped() if driver.kind == kind]


def sections() -> Mapping[str, DriverSection]:
    """Return the sections that drivers bring into the configuration, in their order."""
    found: dict[str, DriverSection] = {}
    for driver in shipped():
        offer = driver.offer
        others = found.get(offer.section)
        if others is not None and others.model is not offer.options:
            raise TypeError(f"section {offer.section} has two sets of options; share one")
        needs = f"; needs {', '.join(str(need) for need in offer.needs)}" if offer.needs else ""
        line = f"{driver.kind} driver {driver.name}: {offer.about}{needs}"
        about = others.about if others else ()
        found[offer.section] = DriverSection(offer.options, (*about, line))
    return found


def find(kind: Kind, name: str) -> Found:
    """Return what `name` means. Raises InvalidConfig for a name that leads to nothing.

    Class paths that configurations of the original carry mean the driver of that name here.
    """
    if ":" in name:
        module, _, attribute = name.partition(":")
        return Found(kind, name, _import(kind, name, module, attribute))
    short = driver_name(name) or name
    here = {driver.name: driver.offer for driver in shipped() if driver.kind == kind}
    if short in here:
        return Found(kind, name, here[short], here[short].section)
    there_are = f"; there are: {', '.join(here)}"
    near = difflib.get_close_matches(short, here, n=1)
    hint = f" (did you mean {near[0]}?)" if near else ""
    raise InvalidConfig(
        f"there is no {kind} driver {name}{hint}{there_are}; a driver from elsewhere is named "
        "package.module:Name"
    )


@overload
def load(kind: Literal["oob"], name: str, options: Mapping[str, object]) -> OobDriver: ...
@overload
def load(kind: Literal["node"], name: str, options: Mapping[str, object]) -> NodeProvisioner: ...
@overload
def load(
    kind: Literal["kubernetes"], name: str, options: Mapping[str, object]
) -> KubernetesDriver: ...
def load(kind: Kind, name: str, options: Mapping[str, object]) -> Driver:
    """Find the driver and build it. Raises InvalidConfig as `find` and `Found.make` do."""
    return find(kind, name).make(options)


def _import(kind: Kind, name: str, module: str, attribute: str) -> AnyOffer | Callable[..., object]:
    try:
        found: Any = getattr(importlib.import_module(module), attribute, None)
    except ImportError as error:
        raise InvalidConfig(f"{kind} driver {name}: {error}") from error
    if not isinstance(found, Offer) and not callable(found):
        raise InvalidConfig(f"{kind} driver {name}: {module} has no class {attribute}")
    stated: AnyOffer | Callable[..., object] = found
    return stated


def _check_interface(kind: Kind, driver: object, where: str) -> None:
    """A stranger's class that lacks something is found at the start, not in a task."""
    protocol = PROTOCOLS[kind]
    methods = [n for n, v in vars(protocol).items() if inspect.isfunction(v) and n[0] != "_"]
    missing = [name for name in methods if not callable(getattr(driver, name, None))]
    missing += [name for name in protocol.__annotations__ if not hasattr(driver, name)]
    if missing:
        raise InvalidConfig(f"{where}: the class lacks {', '.join(missing)}")
