"""What a driver states of itself: its options, what must be installed for it, whose it is.

A driver module ends in ``DRIVER = Offer(...)``. The checker of the configuration, the sample
file, the tables in docs/drivers.md and `drydock config convert` are made from that alone.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import SecretStr, ValidationError

from drydockd.config.fields import Section, opt
from drydockd.drivers.base import Driver
from drydockd.errors import InvalidConfig, InvalidInput

__all__ = ["AnyOffer", "Library", "Need", "Offer", "Options", "Program", "SecretStr", "opt"]

# dnsmasq and its like are not on an ordinary user's path, nor on every service's.
SYSTEM_PATH = ("/usr/sbin", "/sbin")


class Options(Section):
    """A driver's options, one `opt` each: type, default, help with its unit, bounds.

    Secrets are SecretStr. An option without default (``...``) must be given by those who
    enable the driver. Rules over several options are pydantic validators.
    """


@dataclass(frozen=True, slots=True)
class Library:
    """A Python package: what is imported, and what pip installs for it.

    The driver's module imports it where it is used, so that its options can be read without.
    """

    module: str
    install: str

    def __str__(self) -> str:
        return f"{self.module} (pip install '{self.install}')"

    def is_there(self) -> bool:
        return importlib.util.find_spec(self.module) is not None


@dataclass(frozen=True, slots=True)
class Program:
    """A system program, and the Debian package that brings it."""

    name: str
    package: str

    def __str__(self) -> str:
        return f"the program {self.name} (apt-get install {self.package})"

    def is_there(self) -> bool:
        return self.path() is not None

    def path(self) -> str | None:
        """Where it is, as an absolute path."""
        path = os.pathsep.join((os.environ.get("PATH", os.defpath), *SYSTEM_PATH))
        found = shutil.which(self.name, path=path)
        return os.path.abspath(found) if found else None


Need = Library | Program
O = TypeVar("O", bound=Options)  # noqa: E741


@dataclass(frozen=True, slots=True)
class Offer(Generic[O]):
    """One driver as its module states it.

    `make` is the class; the `options` are its only argument. It touches no network and needs
    no running loop; what is wrong with options beyond their model it raises as InvalidInput.
    `section` is where they stand in the configuration; drivers of several kinds may share one
    with the same options. `about` says in a line what it drives. `is_virtual`: its machines
    are not of metal. `uses_keystone`: it is spoken to with drydockd's own account, so there must
    be one. `alone` says why several daemons that share a store cannot have such options, or "".
    """

    make: Callable[[O], Driver]
    options: type[O]
    section: str
    about: str
    needs: tuple[Need, ...] = ()
    is_virtual: bool = False
    uses_keystone: bool = False
    alone: Callable[[O], str] = lambda options: ""

    def build(
        self,
        given: Mapping[str, object],
        where: str,
        prefix: str = "",
        *,
        is_shared: bool = False,
    ) -> Driver:
        """Return the driver. Raises InvalidConfig: options, or what is not installed.

        `where` begins the message; `prefix` is put before the name of each option. `is_shared`:
        it is one of several daemons that share a store.
        """
        problems = [f"needs {need}" for need in self.needs if not need.is_there()]
        try:
            options = self.options.model_validate(given)
        except ValidationError as error:
            problems += [_problem(dict(e), prefix) for e in error.errors(include_url=False)]
        if problems:
            raise InvalidConfig(f"{where}: " + "; ".join(problems))
        if is_shared and (why := self.alone(options)):
            raise InvalidConfig(f"{where}: {why}")
        try:
            return self.make(options)
        except InvalidInput as error:
            raise InvalidConfig(f"{where}: {error}") from error


# One of any options: whoever holds it gives it no more than what was written.
AnyOffer = Offer[Any]


def _problem(error: Mapping[str, Any], prefix: str) -> str:
    name = prefix + ".".join(path) if (path := [str(part) for part in error["loc"]]) else ""
    if error["type"] == "missing":
        return f"{name} is missing"
    if error["type"] == "extra_forbidden":
        return f"{name}: no such option"
    message = error["msg"].removeprefix("Value error, ")
    text = message[:1].lower() + message[1:]
    return f"{name}: {text}" if name else text
