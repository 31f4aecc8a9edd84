"""What people type: one or two calls for every command, at the end of its ``--help``."""

from __future__ import annotations

import click

_TASK = "77ad2a44-0c7c-4a3a-8a4f-2d7a5a7b6c22"
_ACTION = "01JABCDEFGHJKMNPQRSTVWXYZ0"
_SITE = "file:///etc/drydockd/site.yaml"

# Command -> what follows `drydock`.
EXAMPLES: dict[str, tuple[str, ...]] = {
    "api-schema": ("api-schema",),
    "bmc accept": (f"bmc accept node01 --site {_SITE}",),
    "bmc check": (f"bmc check --site {_SITE}", "bmc check node01 node02 -o json"),
    "bmc power cycle": ("bmc power cycle node01 --yes",),
    "bmc power off": ("bmc power off node01 node02",),
    "bmc power on": ("bmc power on node01",),
    "bootaction list": ("bootaction list node01", "bootaction list -o yaml"),
    "bootaction report": (
        f"bootaction report {_ACTION} --keyfile key.txt -m 'joined the cluster' --status success",
    ),
    "cluster members": (
        "cluster members",
        "cluster members --url postgresql://drydock@pg1.example,pg2.example/drydock -o json",
    ),
    "completion": ("completion bash", "completion fish"),
    "config check": ("config check /etc/drydockd/drydockd.yaml",),
    "config convert": ("config convert drydock.conf",),
    "config drivers": ("config drivers",),
    "config sample": ("config sample",),
    "config show": ("config show", "config show drydockd.yaml"),
    "design adopt": ("design adopt --inventory inventory --onto site.yaml",),
    "design diff": ("design diff old.yaml site.yaml", "design diff --exit-code old.yaml site.yaml"),
    "design filter": ("design filter site.yaml --node-tags compute",),
    "design render": (
        "design render site.yaml --node node01 --stub-locations",
        "design render site.yaml --node node01 --out rendered",
    ),
    "design show": ("design show site.yaml --node node01",),
    "design validate": ("design validate site.yaml", "design validate site.yaml -o sarif"),
    "events": (
        "events --follow --node node01",
        f"events --task {_TASK} --kind message,boot_action -o json",
    ),
    "health": ("health", "health --extended -o yaml"),
    "image alias": ("image alias stable debian-13",),
    "image build": ("image build debian-13", "image build agent"),
    "image import": (
        "image import noble https://images.example/noble.tar.xz --sha256 " + "0" * 64,
    ),
    "image list": ("image list",),
    "image prune": ("image prune",),
    "image rm": ("image rm debian-12",),
    "image verify": ("image verify", "image verify debian-13"),
    "lab": ("lab", "lab --plain", "lab --daemons 3 --chaos"),
    "lab console": ("lab console node01 --follow",),
    "lab room": ("lab room --port 9100",),
    "maas check": ("maas check --config drydockd.yaml",),
    "maas snippet": ("maas snippet --url https://drydock.example:9000",),
    "migrate": (
        "migrate --from-conf drydock.conf --database-from-conf --state-dir state --dry-run",
    ),
    "netboot dhcp-snippet": ("netboot dhcp-snippet --server kea",),
    "netboot setup": ("netboot setup --design site.yaml",),
    "node builddata": ("node builddata node01", "node builddata node01 --no-latest -o json"),
    "node drift": (f"node drift --site {_SITE}", "node drift node01 -o json"),
    "node filter": (f"node filter -d {_SITE} --rack-names rack01",),
    "node list": ("node list", f"node list --design {_SITE} -o json"),
    "node show": ("node show node01",),
    "policy check": ("policy check --role admin --role member", "policy check --rule read_events"),
    "status": ("status", "status -o json"),
    "store backup": (
        "store backup /var/backups/drydockd.tar",
        "store backup /var/backups/drydockd.tar.gz --config drydockd.yaml",
    ),
    "store check": (
        "store check",
        "store check --state-dir state -o json",
        "store check --url postgresql://drydock@pg.example/drydock",
    ),
    "store copy": (
        "store copy tiny:/var/lib/drydockd postgres: --config drydockd.yaml",
        "store copy postgres:postgresql://drydock@pg.example/drydock tiny:state --replace state",
    ),
    "store export": ("store export --state-dir state",),
    "store new-secret": ("store new-secret --state-dir state",),
    "store repair": ("store repair --state-dir state",),
    "store restore": ("store restore backup.tar --state-dir state",),
    "store upgrade": ("store upgrade", "store upgrade --config drydockd.yaml"),
    "task builddata": (f"task builddata {_TASK}",),
    "task create": (
        f"task create -d {_SITE} -a deploy_nodes -r rack01 --wait",
        f"task create -d {_SITE} -a prepare_nodes -n node01,node02 --dry-run",
    ),
    "task delete": ("task delete --days 90",),
    "task errors": (f"task errors {_TASK}",),
    "task events": (f"task events {_TASK}",),
    "task list": ("task list", "task list -o json"),
    "task retry": (f"task retry {_TASK} --wait",),
    "task show": (f"task show {_TASK} --layers -1 -o yaml",),
    "task terminate": (f"task terminate {_TASK}",),
    "task wait": (f"task wait {_TASK} --timeout 3600",),
    "task watch": (f"task watch {_TASK}",),
    "token create": ("token create --user joe --role admin --ttl 8h",),
    "token inspect": ("token inspect -",),
    "versions": ("versions",),
}
# Groups that are known by a second name.
_SAME = {"node power": "bmc power"}


def attach(command: click.Command, name: str) -> None:
    """Give `command`, called `name`, and all below it their examples."""
    group, _, last = name.rpartition(" ")
    if found := EXAMPLES.get(f"{_SAME.get(group, group)} {last}".strip()):
        lines = [f"  drydock {line}" for line in found]
        command.epilog = "\n".join(["\b", "Examples:", *lines])
    if isinstance(command, click.Group):
        for below, inner in command.commands.items():
            attach(inner, f"{name} {below}")
