from drydockd.cli.design_source import load
from drydockd.design.written import chain, leaves, written_documents
from tests.cli.designs import SMALL, line_of


def test_documents_of_both_formats_are_found_by_kind_and_name_with_their_lines():
    found = written_documents(SMALL.encode())

    assert found["HostProfile", "base"].line == line_of("kind: HostProfile") - 1
    assert found["HostProfile", "base"].body()["primary_network"] == "lan"
    assert found["Network", "oob"].body() == {"cidr": "10.8.0.0/24"}


def test_what_is_no_document_of_ours_is_left_out():
    stream = b"- a\n---\nx: 1\n---\nschema: drydock/x\n---\nschema: drydock/Rack/v1\n"

    assert ("Rack", "None") in written_documents(stream)
    assert len(written_documents(stream)) == 2  # the one without a kind is nobody's, but harmless


def test_a_stream_that_breaks_off_gives_what_stood_before():
    found = written_documents(SMALL.encode() + b"---\na: [\n")

    assert isinstance(found, dict)


def test_a_body_that_is_no_map_is_empty():
    stream = b"schema: drydock/Rack/v1\nmetadata: {name: r}\ndata: 5\n"

    assert written_documents(stream)["Rack", "r"].body() == {}


def test_the_chain_goes_from_the_node_to_the_oldest_profile(tmp_path):
    file = tmp_path / "site.yaml"
    file.write_text(SMALL)
    design = load(str(file))

    links = chain(design.content, design.site.nodes["w01"])

    assert [(link.kind, link.name) for link in links] == [
        ("BaremetalNode", "w01"),
        ("HostProfile", "worker"),
        ("HostProfile", "base"),
    ]


def test_leaves_address_list_entries_by_name_or_by_their_own_text():
    value = {
        "tags": ["a", "b"],
        "partitions": [{"name": "root", "filesystem": {"mountpoint": "/"}}],
        "addressing": [{"network": "lan", "address": "x"}],
        "empty": {},
        "off": False,
    }

    assert dict(leaves(value)) == {
        ("tags", "a"): "a",
        ("tags", "b"): "b",
        ("partitions", "root", "name"): "root",
        ("partitions", "root", "filesystem", "mountpoint"): "/",
        ("addressing", "lan", "network"): "lan",
        ("addressing", "lan", "address"): "x",
        ("off",): False,
    }
