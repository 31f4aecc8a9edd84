"""What the original's configuration holds beyond ours: renamed, dropped and replaced options.

Source: contract, config, section 1.
"""

from __future__ import annotations

from collections.abc import Container, Mapping

# What tells a driver of the original in its class path, and its short name here. With these
# words the original also named the sections of their options.
ORIGINAL_DRIVERS: Mapping[str, str] = {
    "pyghmi_driver": "ipmi",
    "redfish_driver": "redfish",
    "libvirt_driver": "libvirt",
    "manual_driver": "manual",
    "maasdriver": "maas",
    "promenade_driver": "promenade",
}
ORIGINAL_PACKAGE = "drydock_provisioner.drivers."

# Sections or options that have no meaning here: accepted, ignored, one warning at start.
IGNORED_SECTIONS = frozenset({"database"})
IGNORED: dict[str, frozenset[str]] = {
    "default": frozenset({"leader_grace_period", "leadership_claim_interval"}),
    "plugins": frozenset({"ingester", "network_driver"}),
    "keystone_authtoken": frozenset(
        {
            "auth_section",
            "cache",
            "delay_auth_decision",
            "enforce_token_bind",
            "include_service_catalog",
            "interface",
            "memcached_servers",
            "region_name",
            "service_type",
        }
    ),
    "oslo_policy": frozenset({"enforce_scope", "enforce_new_defaults"}),
}
IGNORED_PREFIXES: dict[str, tuple[str, ...]] = {
    "keystone_authtoken": ("memcache_",),
    "oslo_policy": ("remote_",),
}

# Older spellings, and the option they mean.
ALIASES: dict[str, dict[str, str]] = {
    "keystone_authtoken": {
        "user_name": "username",
        "tenant_name": "project_name",
        "tenant_id": "project_id",
        "auth_uri": "www_authenticate_uri",
    },
    "plugins": {"node_drivers": "node_driver"},
}


def is_ignored(section: str, option: str) -> bool:
    return (
        section in IGNORED_SECTIONS
        or option in IGNORED.get(section, ())
        or option.startswith(IGNORED_PREFIXES.get(section, ("\0",)))
    )


def current_name(section: str, option: str) -> str:
    return ALIASES.get(section, {}).get(option, option)


def is_without_driver(section: str, known: Container[str]) -> bool:
    """Whether the original's driver that reads `section` is none of this version's.

    Such sections are accepted, and ignored with a warning.
    """
    return section in ORIGINAL_DRIVERS and section not in known


def driver_name(path: str) -> str | None:
    """Return the short name of the original's driver at a class path; None for other paths."""
    if not path.startswith(ORIGINAL_PACKAGE):
        return None
    return next((name for word, name in ORIGINAL_DRIVERS.items() if word in path), None)
