"""A site of any size: a real one with its nodes cloned, each with a name and addresses of its own.

The result validates: every network is widened to a /16 that holds the clones.
"""

import os
import sys
from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml

SITES = Path(
    os.environ.get("DRYDOCKD_SITES", Path(__file__).resolve().parents[2] / "shared" / "sites")
)
NETWORKS = 64  # the second octet of the first network's /16


def scaled_site(nodes: int, name: str = "seaworthy") -> bytes:
    """Return the site of that name as a stream of YAML documents with `nodes` BaremetalNodes."""
    content = (SITES / name / "site.yaml").read_bytes()
    documents = list(yaml.load_all(content, yaml.CSafeLoader))
    models = [d for d in documents if d["schema"] == "drydock/BaremetalNode/v1"]
    octets: dict[str, int] = {}
    for document in documents:
        if document["schema"] == "drydock/Network/v1":
            octets[document["metadata"]["name"]] = NETWORKS + len(octets)
            _widen(document["data"], octets[document["metadata"]["name"]])
    clones = [_clone(models[i % len(models)], i, octets) for i in range(nodes)]
    others = [d for d in documents if d not in models]
    text: str = yaml.dump_all(others + clones, Dumper=yaml.CSafeDumper, explicit_start=True)
    return text.encode()


def _widen(network: dict[str, Any], octet: int) -> None:
    network["cidr"] = f"10.{octet}.0.0/16"
    for route in network.get("routes", ()):
        route["gateway"] = f"10.{octet}.0.1"
    spans = {"reserved": ("0.1", "0.10"), "static": ("1.0", "200.255"), "dhcp": ("201.0", "201.99")}
    # One of each type: a second one would be where the first one is.
    network["ranges"] = list({s["type"]: s for s in network.get("ranges") or ()}.values())
    for span in network["ranges"]:
        span["start"], span["end"] = (f"10.{octet}.{tail}" for tail in spans[span["type"]])


def _clone(model: dict[str, Any], number: int, octets: dict[str, int]) -> dict[str, Any]:
    clone = deepcopy(model)
    clone["metadata"]["name"] = f"{model['metadata']['name']}-{number:05d}"
    clone["data"].get("metadata", {}).pop("boot_mac", None)
    for entry in clone["data"]["addressing"]:
        if entry["address"] == "dhcp":
            continue
        entry["address"] = f"10.{octets[entry['network']]}.{1 + number // 256}.{number % 256}"
    return clone


if __name__ == "__main__":
    sys.stdout.buffer.write(scaled_site(int(sys.argv[1])))
