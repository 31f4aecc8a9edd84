"""The configuration: typed sections, one load that reports every mistake at once."""

from drydockd.config.load import ConfigError, Loaded, effective, load, secret_values
from drydockd.config.options import DEFAULT_REPORT_URL, Settings
from drydockd.config.schema import DriverSection, Schema
from drydockd.config.shown import dump
from drydockd.config.sources import Mistake

__all__ = [
    "DEFAULT_REPORT_URL",
    "ConfigError",
    "DriverSection",
    "Loaded",
    "Mistake",
    "Schema",
    "Settings",
    "dump",
    "effective",
    "load",
    "secret_values",
]
