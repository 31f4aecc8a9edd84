"""Documents of both formats are dispatched, named and checked; nothing bad hides anything else."""

import pytest
import yaml

from drydockd.design.compile import compile_site
from drydockd.design.ingest import ingest
from drydockd.site import NoteKind
from tests.design.helpers import HARDWARE, document, stream


def told(*documents) -> list[tuple[str, str, str]]:
    return [(f.code, f.level.value, f.message) for f in ingest(stream(*documents)).findings]


def old(kind: str, name: str, spec, **more):
    body = {"apiVersion": "drydock/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}
    return body | more


def test_both_formats_make_the_same_models():
    spec = {"cidr": "10.0.0.0/24", "vlan": "7"}
    ours = ingest(stream(document("Network", "a", spec), old("Network", "b", spec)))
    assert not ours.findings
    a, b = ours.networks["a"], ours.networks["b"]
    assert (a.cidr, a.vlan_id) == (b.cidr, b.vlan_id)


def test_a_spec_may_be_missing_but_data_not():
    missing = old("Rack", "r", {})
    del missing["spec"]
    assert told(missing) == []
    nothing = document("Rack", "r", None)
    assert told(nothing)[0][0] == "DD001"
    del nothing["data"]
    assert "a mapping is required, not null" in told(nothing)[0][2]


@pytest.mark.parametrize(
    "foreign",
    [
        {"schema": "promenade/Docker/v1", "metadata": {"name": "x"}, "data": {}},
        {"schema": "deckhand/CertificateAuthority/v1/more"},
        {"apiVersion": "promenade/v1", "kind": "Cluster"},
        {"apiVersion": "v1.0", "kind": "Status"},
        {"schema": "drydock2/Network/v1"},
    ],
)
def test_other_namespaces_are_ignored_without_a_word(foreign):
    assert told(foreign, document("Rack", "r", {})) == []


@pytest.mark.parametrize(
    ("ours", "text"),
    [
        (document("Netwrok", "x", {}), "did you mean Network?"),
        (document("PromenadeNode", "x", {}), "unknown kind"),
        (old("Widget", "x", {}), "unknown kind Widget"),
        (old("Rack", "x", {}, apiVersion="drydock/v2"), "version v2 is not supported"),
        ({"schema": "drydock/Rack/v2", "metadata": {"name": "x"}, "data": {}}, "version v2"),
        ({"schema": "drydock/Rack", "metadata": {"name": "x"}}, "three parts"),
        ({"schema": "drydock/a/b/c", "metadata": {"name": "x"}}, "three parts"),
        ({"schema": "drydock", "metadata": {"name": "x"}}, "three parts"),
        ({"apiVersion": "drydock/v1", "metadata": {"name": "x"}}, "unknown kind"),
    ],
)
def test_what_claims_to_be_ours_and_is_not_is_an_error(ours, text):
    (finding,) = ingest(stream(ours, document("Rack", "r", {}))).findings
    assert (finding.code, finding.error) == ("DD000", True)
    assert text in finding.message
    assert finding.documents[0].name == "x"


@pytest.mark.parametrize("metadata", [None, [], "x", {}, {"name": None}, {"name": ""}])
def test_a_document_without_a_name_is_an_error_under_the_name_unknown(metadata):
    ours = document("Rack", "r", {}) | {"metadata": metadata}
    (finding,) = ingest(stream(document("Rack", "before", {}), ours)).findings
    assert (finding.code, finding.documents[0].name) == ("DD000", "Unknown")
    assert "metadata.name is missing" in finding.message


def test_a_name_that_is_a_number_becomes_text():
    assert list(ingest(stream(document("Rack", 5, {}))).racks) == ["5"]


def test_a_name_may_come_from_a_merge():
    content = b"x: &m {name: r}\nschema: drydock/Rack/v1\nmetadata: {<<: *m}\ndata: {}\n"
    assert list(ingest(content).racks) == ["r"]


def test_both_keys_mean_the_deckhand_format():
    both = document("Rack", "r", {}) | {"apiVersion": "drydock/v1", "kind": "Region", "spec": {}}
    assert list(ingest(stream(both)).racks) == ["r"]


def test_two_documents_of_one_kind_and_name_are_an_error_naming_both():
    rack = document("Rack", "r", {})
    (finding,) = ingest(stream(rack, document("Region", "r", {}), rack)).findings
    assert "at line 2 and at line 6" in finding.message


def test_what_is_no_mapping_is_reported_and_what_is_empty_is_not():
    content = (
        b"---\n- a\n---\ntext\n---\n---\nnull\n---\n" + stream(document("Rack", "r", {})) + b"---\n"
    )
    ingested = ingest(content)
    assert [f.line for f in ingested.findings] == [2, 4]
    assert all(f.error for f in ingested.findings)
    assert list(ingested.racks) == ["r"]


def test_a_mapping_of_nobody_s_is_skipped_with_a_warning():
    ((code, level, _),) = told({"a": 1}, document("Rack", "r", {}))
    assert (code, level) == ("DD000", "Warning")


@pytest.mark.parametrize("content", [b"", b"---\nschema: promenade/a/v1\n", b"# nothing\n"])
def test_a_stream_without_drydock_documents_is_valid_with_a_warning(content):
    site, findings = compile_site(content)
    assert [f.level for f in findings] == ["Warning"]
    assert not site.nodes


@pytest.mark.parametrize("content", [b"a: [\n", b"\xff\xfe", b"a: b: c\n"])
def test_a_stream_that_cannot_be_read_is_one_error_without_documents(content):
    ingested = ingest(stream(document("Rack", "r", {})) + content)
    assert [(f.code, f.error, f.documents) for f in ingested.findings] == [("DD000", True, ())]
    assert not ingested.racks


def test_all_errors_of_a_stream_are_told_at_once():
    findings = ingest(
        stream(
            document("Rack", "a", {"x": 1}),
            document("Nonsense", "b", {}),
            document("Network", "c", {"cidr": 1, "vlan": 2}),
            document("Rack", "good", {}),
        )
    ).findings
    assert [(f.code, f.documents[0].name) for f in findings] == [
        ("DD001", "a"),
        ("DD000", "b"),
        ("DD001", "c"),
        ("DD001", "c"),
    ]


def test_a_duplicate_key_is_noted_and_the_last_value_counts():
    content = b"---\nschema: drydock/Rack/v1\nmetadata: {name: x, name: a}\ndata: {}\ndata: {}\n"
    ingested = ingest(content + stream(document("Rack", "b", {})))
    assert not ingested.findings
    assert list(ingested.racks) == ["a", "b"]
    assert [(note.kind, note.line) for note in ingested.notes] == [
        (NoteKind.DUPLICATE_KEY, 3),
        (NoteKind.DUPLICATE_KEY, 5),
    ]


def test_a_violation_has_the_line_of_its_value():
    content = yaml.safe_dump(
        document("Network", "n", {"cidr": "x", "ranges": [{"type": "dhcp", "start": "y"}]}),
        sort_keys=False,
    )
    lines = content.splitlines()
    findings = ingest(b"# first\n" + content.encode()).findings
    assert {lines[f.line - 2].strip() for f in findings} == {"- type: dhcp", "start: y"}


def test_models_keep_the_order_of_the_stream():
    names = ["z", "a", "m"]
    ingested = ingest(stream(*(document("HardwareProfile", n, HARDWARE) for n in names)))
    assert list(ingested.hardware_profiles) == names


def test_a_stream_of_nothing_but_problems_is_given_up(monkeypatch):
    monkeypatch.setattr("drydockd.design.ingest.MOST_FINDINGS", 5)
    findings = ingest(stream(*({"schema": f"drydock/X{i}/v1"} for i in range(50)))).findings
    assert len(findings) == 6
    assert "more than 5 problems" in findings[-1].message


def test_of_many_documents_that_are_skipped_the_rest_is_a_number():
    foreign = [{"a": n} for n in range(1000)]
    ingested = ingest(stream(*foreign, document("HardwareProfile", "late", HARDWARE)))
    assert list(ingested.hardware_profiles) == ["late"]
    assert len(ingested.findings) == 201
    assert not any(finding.error for finding in ingested.findings)
    assert "800 more documents were skipped" in ingested.findings[-1].message
