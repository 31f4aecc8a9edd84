"""The one table of MAAS' paths: with a slash at their end, but for those of partitions.

MAAS answers 404 to the other form, without a redirect. Source: contract, maas-facts, row 5.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

PATHS: Mapping[str, str] = {
    "version": "version/",
    "account": "account/",
    "sshkeys": "account/prefs/sshkeys/",
    "sshkey": "account/prefs/sshkeys/{id}/",
    "users": "users/",
    "boot-resources": "boot-resources/",
    "rackcontrollers": "rackcontrollers/",
    "rackcontroller": "rackcontrollers/{sid}/",
    "machines": "machines/",
    "machine": "machines/{sid}/",
    "results": "nodes/{sid}/results/",
    "interfaces": "nodes/{sid}/interfaces/",
    "interface": "nodes/{sid}/interfaces/{id}/",
    "blockdevices": "nodes/{sid}/blockdevices/",
    "blockdevice": "nodes/{sid}/blockdevices/{id}/",
    "partitions": "nodes/{sid}/blockdevices/{device}/partitions/",
    "partition": "nodes/{sid}/blockdevices/{device}/partition/{id}",
    "volume-groups": "nodes/{sid}/volume-groups/",
    "volume-group": "nodes/{sid}/volume-group/{id}/",
    "fabrics": "fabrics/",
    "fabric": "fabrics/{id}/",
    "vlans": "fabrics/{fabric}/vlans/",
    # The VLAN's tag, not its id.
    "vlan": "fabrics/{fabric}/vlans/{vid}/",
    "subnets": "subnets/",
    "subnet": "subnets/{id}/",
    "ipranges": "ipranges/",
    "iprange": "ipranges/{id}/",
    "static-routes": "static-routes/",
    "static-route": "static-routes/{id}/",
    "domains": "domains/",
    "package-repositories": "package-repositories/",
    "package-repository": "package-repositories/{id}/",
    "tags": "tags/",
    "tag": "tags/{name}/",
}


def at(what: str, **parts: str | int) -> str:
    """Return the path of `what`, relative to ``/MAAS/api/2.0/``, with its parts quoted.

    Raises ValueError for a part that is empty or ``.``: it would lead to another path.
    """
    quoted = {name: quote(str(value), safe="") for name, value in parts.items()}
    if any(not value.strip(".") for value in quoted.values()):
        raise ValueError(f"{what}: a part of its path is empty")
    return PATHS[what].format(**quoted)
