import json

import pytest

from drydockd.design.compile import compile_site
from drydockd.design.ingest import ingest
from drydockd.site import NoteKind
from tests.design.helpers import BASE, document, stream

NODE = """\
---
schema: drydock/BaremetalNode/v1
metadata: {name: n1}
data:
  hardware_profile: hw
  addressing: [{network: lan, address: 10.9.0.11}]
"""


def notes_of(kind, name, data, *, metadata=None):
    text = f"---\nschema: drydock/{kind}/v1\nmetadata: {metadata or {'name': name}}\ndata:\n{data}"
    ingested = ingest(text.encode())
    assert not ingested.findings, ingested.findings
    return ingested.notes


def words(notes):
    return [note.text for note in notes if note.kind is NoteKind.MISREAD_WORD]


@pytest.mark.parametrize("name", ["NO", "on", "0755", "1:20", "1.10", "0x1F"])
def test_a_name_that_yaml_took_for_something_else_is_noted_with_line_and_word(name):
    (text,) = words(notes_of("Rack", None, " {}", metadata=f"{{name: {name}}}"))

    assert "metadata.name at line 3" in text
    assert f"the word {name} as" in text


@pytest.mark.parametrize("name", ["5", "'NO'", '"0755"', "plain", "2026-01-01"])
def test_a_name_whose_text_is_what_it_was_is_not_noted(name):
    assert not notes_of("Rack", None, " {}", metadata=f"{{name: {name}}}")


@pytest.mark.parametrize("kind", ["Network", "NetworkLink", "Rack"])
def test_labels_that_yaml_took_for_something_else_are_noted(kind):
    needed = {"Network": " cidr: 10.0.0.0/8\n", "NetworkLink": " allowed_networks: []\n"}
    data = needed.get(kind, "") + " labels: {a: off, b: 010, c: true, d: 'off', e: 7}\n"

    found = words(notes_of(kind, "x", data))

    assert ["labels.a" in found[0], "labels.b" in found[1]] == [True, True]
    assert len(found) == 2


def test_labels_of_filters_are_noted():
    data = (
        " assets: []\n node_filter:\n  filter_set_type: union\n  filter_set:\n"
        "  - {filter_type: union, rack_labels: {a: yes}}\n"
    )
    (text,) = words(notes_of("BootAction", "x", data))

    assert "node_filter.filter_set[0].rack_labels.a" in text


def test_what_opens_a_bmc_is_noted_without_the_word():
    (text,) = words(notes_of("HostProfile", "x", " oob: {credential: 012345}\n"))

    assert "oob.credential at line 5" in text
    assert "12345" not in text
    assert "5349" not in text


def node_with(params):
    content = stream(*BASE) + f"{NODE}  platform: {{kernel_params: {params}}}\n".encode()
    site, findings = compile_site(content)
    assert not findings, findings
    return site


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        *(("off", "off"), ("on", "on"), ("No", "No"), ("010", "010"), ("0x10", "0x10")),
        *(("12:30:45", "12:30:45"), ("1_000", "1_000"), ("1.10", "1.10"), ("2026-01-01",) * 2),
        *(("true", True), ("False", False), ("'off'", "off"), ("7", "7"), ("1e3", "1e3")),
    ],
)
def test_kernel_parameters_keep_their_text_and_true_and_false_are_flags(written, kept):
    site = node_with(f"{{p: {written}}}")

    assert site.nodes["n1"].kernel_params == {"p": kept}


def test_a_kernel_parameter_that_yaml_misread_is_noted():
    assert "kernel_params.mitigations" in words(node_with("{mitigations: off, a: true}").notes)[0]


def test_parameters_that_are_merged_keep_their_text_too():
    content = (
        stream(*BASE)
        + (
            f"{NODE}  metadata: {{owner_data: {{}}}}\n"
            "  platform: {kernel_params: {<<: {a: off, b: on}, b: 010}}\n"
        ).encode()
    )
    site, _ = compile_site(content)

    assert site.nodes["n1"].kernel_params == {"a": "off", "b": "010"}


def unknown(kind, data):
    ingested = ingest(stream(document(kind, "x", data)))
    assert not ingested.findings, ingested.findings
    return [note.text for note in ingested.notes if note.kind is NoteKind.UNKNOWN_KEY]


MAIN = {"repo_type": "apt", "url": "http://a/"}


@pytest.mark.parametrize(
    ("kind", "data", "where"),
    [
        ("Region", {"repositories": {"m": MAIN | {"proxy": "x"}}}, "repositories.m"),
        ("Rack", {"tor_switches": {"s": {"mgmt": "x"}}}, "tor_switches.s"),
        (
            "HardwareProfile",
            {"device_aliases": {"a": {"address": "x", "bus_type": "pci", "slot": "1"}}},
            "device_aliases.a",
        ),
        (
            "HardwareProfile",
            {"hugepages": {"h": {"size": "1G", "count": 1, "n": 1}}},
            "hugepages.h",
        ),
        ("HostProfile", {"interfaces": {"e": {"mtu": 9000}}}, "interfaces.e"),
        ("HostProfile", {"interfaces": {"e": {"sriov": {"num_vfs": 1}}}}, "interfaces.e.sriov"),
        ("HostProfile", {"storage": {"devices": {}}}, "storage"),
        (
            "HostProfile",
            {"storage": {"physical_devices": {"sda": {"partition": []}}}},
            "storage.physical_devices.sda",
        ),
        (
            "HostProfile",
            {"storage": {"volume_groups": {"v": {"logical_volumes": [{"name": "l", "fs": 1}]}}}},
            "storage.volume_groups.v.logical_volumes[0]",
        ),
    ],
)
def test_keys_nobody_reads_are_noted_where_the_documents_may_have_any(kind, data, where):
    (text,) = unknown(kind, data)

    assert f"{where} at line" in text


def test_a_key_nobody_reads_gets_the_nearest_that_is_read():
    (text,) = unknown("HostProfile", {"interfaces": {"e": {"device_lnk": "x"}}})

    assert "device_lnk (did you mean device_link?)." in text


def test_labels_locations_and_what_opens_a_bmc_may_have_any_keys():
    assert not unknown("Rack", {"location": {"row": "7"}, "labels": {"a": "b"}})
    assert not unknown("HostProfile", {"oob": {"anything": "x"}})


@pytest.mark.parametrize(
    "head",
    [{"schema": "Drydock/Rack/v1"}, {"schema": "drydok/Rack/v1"}, {"apiVersion": "Drydock/v1"}],
)
def test_a_document_of_a_schema_that_is_nearly_ours_is_noted(head):
    text = json.dumps({**head, "kind": "Rack", "metadata": {"name": "r1"}, "data": {}})
    ingested = ingest(f"---\n{text}\n".encode() + stream(document("Rack", "b", {})))
    (note,) = ingested.notes

    assert note.kind is NoteKind.MISSPELT_SCHEMA
    assert "document r1 at line 2" in note.text
    assert "did you mean drydock/" in note.text


@pytest.mark.parametrize("schema", ["pegleg/Site/v1", "deckhand/X/v1", "promenade/Docker/v1"])
def test_a_document_of_somebody_else_is_not_noted(schema):
    other = {"schema": schema, "metadata": {"name": "x"}, "data": {}}

    assert not ingest(stream(other, document("Rack", "b", {}))).notes
