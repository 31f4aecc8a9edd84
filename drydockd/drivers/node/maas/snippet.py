"""What MAAS' own install template needs so that machines fetch their boot data. Pure.

MAAS installs with curtin; its preseed ``curtin_userdata`` is a Tempita template that sees the
machine as `node`. The driver tells each machine its key by a tag, ``<host>__baid__<key>``.
Source: contract, maas, section 11; curtin's configuration, "write_files" and "late_commands".
"""

from __future__ import annotations

import json

from drydockd.drivers.node.maas.tags import KEY_MARK

KEY_FILE = "/root/.drydock-wgetrc"
KEYS = (
    f'[tag.name.split("{KEY_MARK}")[1] for tag in node.tags.all() '
    f'if tag.name.startswith(node.hostname + "{KEY_MARK}")]'
)


def script(base_url: str, hostname: str, trust: str = "") -> str:
    """Return what is run in the installed system before its first boot, as lines of sh.

    `base_url` ends in ``/api/v1.0``; `trust` are wget's words on certificates. The key stands in a
    file, so that neither a process list nor the log of the installation shows it.
    """
    wget = f"wget --config={KEY_FILE} --no-proxy --no-verbose --tries=20 --retry-connrefused"
    return f"""\
set -eu
root=${{DRYDOCK_ROOT:-}}
key=$root{KEY_FILE}
work=$(mktemp -d)
trap 'rm -rf "$key" "$work"' EXIT
for kind in units files; do
    {wget.replace(KEY_FILE, '"$key"')}{f" {trust}" if trust else ""} \
-O "$work/$kind.tar.gz" {base_url.rstrip("/")}/bootactions/nodes/{hostname}/$kind
    tar -xzf "$work/$kind.tar.gz" -C "$root/" --no-same-owner
done
tar -tzf "$work/units.tar.gz" | while read -r unit; do
    systemctl enable "$(basename "$unit")" || true
done
"""


def key_file(key: str) -> str:
    """Return the file that makes wget send the key."""
    return f"header = X-Bootaction-Key: {key}\n"


def snippet(base_url: str, trust: str = "") -> str:
    """Return both parts for ``curtin_userdata``; the second goes below its ``late_commands:``."""
    command = [
        "curtin",
        "in-target",
        "--",
        "sh",
        "-c",
        script(base_url, "{{node.hostname}}", trust),
    ]
    content = json.dumps(key_file("{{key}}"))
    return f"""\
# 1. drydockd's boot actions; into curtin_userdata, at the left margin.
{{{{py: drydock_keys = {KEYS}}}}}
{{{{for key in drydock_keys}}}}
write_files:
  drydock_key:
    path: {KEY_FILE}
    permissions: '0600'
    content: {content}
{{{{endfor}}}}

# 2. Into curtin_userdata, below its line `late_commands:`.
{{{{if drydock_keys}}}}
  zz_drydock: {json.dumps(command)}
{{{{endif}}}}
"""
