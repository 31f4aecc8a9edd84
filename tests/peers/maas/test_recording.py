"""The simulator's answers, held key by key against those of the real MAAS 3.6.3.

`recording.txt` is what its region API answered, line by line, in this order, each line cut off at
some width; where it could not act (no rack controller, no images), the lines say 500.
"""

import ast
import itertools
import json
import re
from pathlib import Path

import pytest

from tests.peers.maas import Simulator, documents
from tests.peers.maas.core import Call, Refuse
from tests.peers.maas.machines import a_disk, a_nic, add_machine
from tests.peers.maas.site import add_vlan

TEXT = (Path(__file__).parent / "recording.txt").read_text(encoding="utf-8")
LINE = re.compile(r"(GET|POST|PUT|DELETE) (\S+) (\{.*?\}) -> (\d+) ?(.*)")
LINES = [match.groups() for line in TEXT.splitlines() if (match := LINE.fullmatch(line))]
# Lines of which the real one could not do what they ask.
UNABLE = 500
# The next id where it is not that of the answer: what is made, and with which id.
IDS = {
    "ipranges/": 1,
    "static-routes/": 1,
    "subnets/": 3,
    "fabrics/3/vlans/": 5006,
}
NODE = "dkp4ff"


def recorded_region():
    """The region as it was before the first line."""
    sim = Simulator()
    sim.domains[0] = {"name": "maas", "authoritative": True}
    for fabric, name, vlan in ((0, "fabric-0", 5005), (3, "net1", 5004)):
        sim.fabrics[fabric] = {"name": name}
        sim.ids = itertools.count(vlan)
        add_vlan(sim, fabric, 0, "untagged")
    sim.subnets[2] = {
        "name": "oam",
        "cidr": "172.22.7.0/24",
        "vlan": 5005,
        "gateway_ip": "172.22.7.1",
        "dns_servers": [],
    }
    for number, sid in enumerate((NODE, "ytcxpq", "rnfmpd", "dm6qew"), 1):
        machine = add_machine(sim, f"m{number}")
        del sim.machines[machine.system_id]
        machine.system_id, machine.bios_boot_method = sid, "pxe"
        machine.power_parameters = {
            "power_user": "admin",
            "power_address": f"172.22.9.{number}",
            "power_pass": "x",
        }
        sim.machines[sid] = machine
    first = sim.machines[NODE]
    first.boot_mac = "c6:e0:85:1f:80:b3"
    first.interfaces = {
        1: a_nic("eth-hx946Q", first.boot_mac, 5005),
        2: a_nic("eth1", "e6:14:7e:7c:93:a2", 5005),
    }
    first.blockdevices = {1: a_disk("sda", 100_000_000_000), 2: a_disk("sdb", 100_000_000_000)}
    first.boot_disk = 1
    sim.tags["n1_kp"] = {"definition": "", "comment": "", "kernel_opts": "quiet"}
    return sim


def asked(sim, method, path, given):
    """Make the call of one line; return status and text of the answer."""
    op = given.pop("op", None)
    form = {
        name: [str(entry) for entry in value] if isinstance(value, list) else [str(value)]
        for name, value in given.pop("form", {}).items()
    }
    query = {name: [str(value)] for name, value in given.items()}
    call = Call(method, path, op, query, form)
    try:
        route = sim._routed(call)
        body = route.act(sim, call)
    except Refuse as refusal:
        return refusal.status, json.dumps(refusal.body)
    if hasattr(body, "status"):
        return body.status, json.dumps(body.body.decode() if body.body else "")
    return 200, json.dumps(body)


def keys_in(text):
    return set(re.findall(r'"(\w+)": ', text))


def test_every_line_is_answered_as_the_real_one_did():
    sim, differing, compared = recorded_region(), [], 0
    for number, (method, path, given, status, body) in enumerate(LINES):
        if int(status) == UNABLE and "Invalid character" not in body and "annotations" not in given:
            continue
        if method == "POST":
            _number_next(sim, path, body)
        try:
            answer = asked(sim, method, path, ast.literal_eval(given))
        except Exception as error:  # a difference as well, told with the others
            differing.append(f"{number} {method} {path} {given}: {error!r}")
            continue
        compared += 1
        if wrong := _difference(answer, int(status), body):
            differing.append(f"{number} {method} {path} {given}: {wrong}")
    assert not differing, "\n".join(differing)
    assert compared >= 70


def _number_next(sim, path, body):
    known = re.search(r'"id": (\d+)', body)
    number = IDS.get(path) or (int(known[1]) if known else 9)
    if path.endswith("interfaces/"):
        number = 10 if '"bond0"]' in body else 9
    sim.ids = itertools.count(number)


def _difference(answer, status, body):
    seen, text = answer
    if seen != status:
        return f"{seen} {text[:300]} instead of {status} {body[:200]}"
    if status >= 400:
        # Word for word, as far as the recording has them.
        is_same = text.startswith(body) or _read(text) == _read(body)
        return "" if is_same else f"{text!r} instead of {body!r}"
    missing = keys_in(body) - keys_in(text)
    return f"lacks {', '.join(sorted(missing))}" if missing else ""


def _read(text):
    try:
        return json.loads(text)
    except ValueError:
        return object()


def test_a_machines_keys_are_exactly_the_recorded_ones():
    recorded = ast.literal_eval(TEXT.split("machine keys ", 1)[1].splitlines()[0])
    sim = recorded_region()
    assert sorted(documents.machine(sim, sim.machines[NODE])) == sorted(recorded)


def test_a_nics_and_a_domains_keys_are_exactly_the_recorded_ones():
    recorded = ast.literal_eval(TEXT.split("machine keys ", 1)[1].splitlines()[1])
    sim = recorded_region()
    made = documents.machine(sim, sim.machines[NODE])
    for name in ("boot_interface", "domain"):
        assert sorted(made[name]) == sorted(recorded[name])
    assert sorted(made["boot_interface"]["vlan"]) == sorted(recorded["boot_interface"]["vlan"])


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_the_recording_was_read(method):
    assert any(line[0] == method for line in LINES)
