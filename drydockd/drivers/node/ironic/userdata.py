"""What a deployed machine is told by its configdrive: `meta_data` and `user_data`. Pure.

Source: cloud-init, "Config drive", "Cloud config examples"; contract, ironic, section 3, and
bootactions, section 3.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from drydockd.drivers.node.ironic import bootscript
from drydockd.drivers.node.ironic.nodes import instance_of
from drydockd.plans import BootDelivery, DeploySpec


def config_drive(spec: DeploySpec, name: str, network_data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configdrive in JSON, as `states/provision` takes it. Holds the node's boot key."""
    return {
        "meta_data": meta_data(spec, name),
        "user_data": user_data(spec, name),
        "network_data": dict(network_data),
    }


def meta_data(spec: DeploySpec, name: str) -> dict[str, Any]:
    """Return ``meta_data.json``; `meta` are the owner data of the node."""
    keys = {f"drydock-{number}": key for number, key in enumerate(spec.authorized_keys)}
    return {
        # cloud-init begins anew where this changes: with every deployment.
        "uuid": instance_of(spec.deployment_id),
        "name": name,
        "hostname": f"{name}.{spec.domain}" if spec.domain else name,
        "meta": dict(spec.owner_data),
        "public_keys": keys,
    }


def user_data(spec: DeploySpec, name: str) -> str:
    """Return cloud-config; no value breaks out of its place."""
    domain = f".{spec.domain}" if spec.domain else ""
    config: dict[str, Any] = {
        "hostname": name,
        "fqdn": f"{name}{domain}",
        "preserve_hostname": False,
        "ssh_authorized_keys": list(spec.authorized_keys),
    }
    if spec.packages:
        config["package_update"] = True
        config["packages"] = [
            [package, version] if version else package for package, version in spec.packages.items()
        ]
    if spec.boot is not None:
        config["write_files"] = _seed(spec.boot)
        config["runcmd"] = [
            ["systemctl", "daemon-reload"],
            ["systemctl", "enable", bootscript.UNIT],
            ["systemctl", "start", "--no-block", bootscript.UNIT],
        ]
    return f"#cloud-config\n{yaml.safe_dump(config, sort_keys=False)}"


def _seed(boot: BootDelivery) -> list[dict[str, Any]]:
    """The file with the key, which only root reads; the script and the unit that use it."""
    line = f"{boot.base_url.rstrip('/')} {boot.hostname} {boot.key}\n"
    files = (
        (bootscript.SEED, "0600", line),
        (bootscript.PATH, "0700", bootscript.SCRIPT),
        (f"/etc/systemd/system/{bootscript.UNIT}", "0644", bootscript.UNIT_TEXT),
    )
    return [
        {"path": path, "owner": "root:root", "permissions": mode, "content": content}
        for path, mode, content in files
    ]
