"""A MAAS that exists only while a test runs, held key by key against the real one's answers."""

import importlib
import pkgutil

from tests.peers.maas.core import Call, Fault, Refuse, Simulator, at, not_found, route

__all__ = ["Call", "Fault", "Refuse", "Simulator", "at", "not_found", "route"]

# Each area registers its routes when it is imported.
for _module in pkgutil.iter_modules(__path__):
    if not _module.name.startswith("test_"):
        importlib.import_module(f"{__name__}.{_module.name}")
