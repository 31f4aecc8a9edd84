"""What the original does wrong, row by row of the contract's tables, and we do right.

D-n: contract, design, section 5. E-n: contract, effective-design, section 9. D-9 is the
service identity's (auth), E-19 the storage plan's.
"""

import pytest

from drydockd.design import Designs, kernel_params, nodefilter, sizes
from drydockd.design.aliases import logical_names
from drydockd.design.compile import compile_site
from drydockd.design.inventory import parse_lshw
from drydockd.design.references import parse
from drydockd.errors import InvalidDesign, SourceUnavailable
from drydockd.site import DeviceAlias, DocumentRef, HardwareProfile
from tests.design.helpers import (
    BASE,
    document,
    findings_of,
    node,
    only_finding,
    profile,
    site_of,
    stream,
)
from tests.design.servers import Server, reply

CONTENT = stream(*BASE, node("n"))


async def here(host: str, port: int) -> list[str]:
    return ["127.0.0.1"]


async def at_once(seconds: float) -> None:
    return None


@pytest.fixture
async def loader(tmp_path):
    loader = Designs(
        allowed_roots=[tmp_path], allow_loopback=True, resolve=here, sleep=at_once, attempts=2
    )
    yield loader
    await loader.close()


def disk(*partitions, **more):
    return {"physical_devices": {"sda": {"partitions": list(partitions), **more}}}


def inherited(parent: dict, child: dict):
    """The node that lays `child` over a profile with `parent`."""
    return site_of(profile("p", **parent), node("n", host_profile="p", **child)).nodes["n"]


def test_d1_services_are_reached_over_tls_too():
    assert parse("deckhand+https://h/").service
    assert parse("promenade+https://h/").url == "https://h/"


async def test_d2_failing_for_good_raises_and_is_not_kept(loader):
    answers = iter([reply(status=500)] * 2 + [reply(CONTENT)])
    async with Server(lambda r: next(answers)) as server:
        with pytest.raises(SourceUnavailable, match="500"):
            await loader.load(f"http://h:{server.port}/")
        assert (await loader.load(f"http://h:{server.port}/")).ok


async def test_d3_an_error_page_is_no_design_and_permanent_errors_are_not_retried(loader):
    async with Server(lambda r: reply(CONTENT, status=404)) as server:
        design = await loader.load(f"http://h:{server.port}/")
        assert "404" in design.findings[0].message
        assert len(server.requests) == 1


async def test_d4_an_edited_file_is_seen(loader, tmp_path):
    (tmp_path / "x").write_bytes(CONTENT)
    await loader.load(f"file://{tmp_path}/x")
    (tmp_path / "x").write_bytes(stream(*BASE, node("other")))
    assert list((await loader.load(f"file://{tmp_path}/x")).site.nodes) == ["other"]


async def test_d5_loading_again_changes_nothing(loader):
    way = {"gateway": "10.0.0.1", "metric": 1, "routedomain": "d"}
    networks = [
        document("Network", name, {"cidr": f"10.{i}.0.0/24", "routedomain": "d", "routes": [way]})
        for i, name in enumerate("ab")
    ]
    content = stream(*BASE, *networks, node("n", interfaces={"e": {"slaves": ["x"]}}))
    first = await loader.compile(content, "a")
    second = await loader.compile(content, "b")
    assert second.site is first.site
    assert len(first.site.networks["a"].routes) == 2
    assert len(first.site.nodes["n"].interfaces[0].slave_selectors) == 1
    assert len(await loader.validate(second, None)) == len(await loader.validate(first, None))


def test_d6_a_syntax_error_is_a_finding_with_line_and_column():
    site, (finding,) = compile_site(b"a: 1\nb: [\n")
    assert finding.code == "DD000"
    assert "line 3, column 1" in finding.message
    assert not site.nodes


def test_d7_credentials_are_decoded():
    assert parse("http://u:p%40ss@h/").basic == ("u", "p@ss")


def test_d8_file_paths_are_decoded():
    assert parse("file:///a%20b").path == "/a b"


def test_d10_both_formats_are_read_from_one_stream():
    old = {"apiVersion": "drydock/v1", "kind": "Rack", "metadata": {"name": "old"}, "spec": {}}
    assert list(site_of(old, document("Rack", "new", {})).racks) == ["old", "new"]


def test_d11_an_empty_document_is_skipped_and_a_list_reported():
    content = b"---\n---\n- x\n" + CONTENT + b"---\n"
    site, (finding,) = compile_site(content)
    assert "must be a mapping" in finding.message
    assert not site.nodes


def test_d12_the_old_format_is_checked_alike():
    old = {"apiVersion": "drydock/v1", "kind": "Rack", "metadata": {"name": "r"}, "spec": {"x": 1}}
    finding = only_finding(old)
    assert (finding.code, finding.documents) == ("DD001", (DocumentRef("drydock/Rack/v1", "r"),))


def test_d13_the_old_format_has_every_field():
    spec = {"cpu_sets": {"a": "1"}, "hugepages": {"b": {"size": "1G", "count": 2}}}
    old = {"apiVersion": "drydock/v1", "kind": "HardwareProfile", "metadata": {"name": "p"}}
    found = site_of(old | {"spec": spec}).hardware_profiles["p"]
    assert (found.cpu_sets, found.hugepages_confs[0].count) == ({"a": "1"}, 2)


def test_d14_a_schema_of_ours_in_a_wrong_number_of_parts_is_an_error():
    assert only_finding({"schema": "drydock/Rack", "metadata": {"name": "r"}}).code == "DD000"


def test_d15_promenade_documents_are_ignored():
    assert findings_of({"apiVersion": "promenade/v1", "kind": "X", "metadata": {"name": "x"}}) == []


def test_d16_null_metadata_is_reported_for_the_right_document():
    bad = document("Rack", "x", {}) | {"metadata": None}
    assert only_finding(document("Rack", "before", {}), bad).documents[0].name == "Unknown"
    assert only_finding(bad).documents[0].name == "Unknown"


def test_d17_a_second_document_of_one_kind_and_name_is_an_error():
    assert only_finding(document("Rack", "r", {}), document("Rack", "r", {})).error


def test_d18_secrets_are_not_echoed():
    told = str(findings_of(node("n", oob={"credential": ["hunter2"], "account": None})))
    asset = {"type": "file", "path": "/a", "data": ["hunter2"]}
    told += str(findings_of(document("BootAction", "b", {"assets": [asset]})))
    assert "DD001" in told
    assert "hunter2" not in told


@pytest.mark.parametrize(
    "bad",
    [
        document("Region", "r", {"repositories": {"x": {"repo_type": "xapt", "url": "u"}}}),
        document("Region", "r", {"repositories": {"x": {"repo_type": "apt"}}}),
        document("HardwareProfile", "h", {"hugepages": {"x": {"size": "1G"}}}),
        document("HardwareProfile", "h", {"device_aliases": {"x": {"address": 3.0}}}),
        document("Rack", "r", {"tor_switches": {"s": {"mgmt_ip": "nonsense"}}}),
        document("Network", "x", {"cidr": "10.0.0.0/8", "vlan": "5000"}),
    ],
)
def test_d19_constraints_that_were_never_in_force_are(bad):
    assert {finding.code for finding in findings_of(bad)} == {"DD001"}


def test_d20_the_sdn_uri_of_a_switch_is_read_per_switch():
    switches = {"mgmt_ip": {"sdn_api_uri": "polo+https://h/"}}
    (switch,) = site_of(document("Rack", "r", {"tor_switches": switches})).racks["r"].tor_switches
    assert (switch.switch_name, switch.sdn_api_uri) == ("mgmt_ip", "polo+https://h/")


def test_d21_rack_labels_are_kept():
    assert site_of(document("Rack", "r", {"labels": {"a": "b"}})).racks["r"].labels == {"a": "b"}


@pytest.mark.parametrize("mode", ["balance-rr", "balanced-rr"])
def test_d22_both_spellings_of_round_robin_are_one(mode):
    link = document("NetworkLink", "l", {"allowed_networks": [], "bonding": {"mode": mode}})
    assert site_of(link).network_links["l"].bonding_mode == "balance-rr"


def test_d23_a_null_interface_removes_the_inherited_one():
    assert inherited({"interfaces": {"e": {}}}, {"interfaces": {"e": None}}).interfaces == ()


@pytest.mark.parametrize("make", [profile, node])
def test_d24_sriov_is_checked_in_both_kinds(make):
    assert only_finding(make("x", interfaces={"e": {"sriov": "on"}})).code == "DD001"
    assert only_finding(make("x", interfaces={"e": {"sriov": {"trustedmode": "on"}}})).error
    assert findings_of(make("x", interfaces={"e": {"sriov": {"trustmode": True}}})) == []


def test_d25_bootable_is_kept():
    found = site_of(node("n", storage=disk({"name": "a", "bootable": True})))
    assert found.nodes["n"].storage_devices[0].partitions[0].bootable


def test_d26_a_partition_may_be_a_physical_volume():
    found = site_of(node("n", storage=disk({"name": "a", "volume_group": "vg"})))
    assert found.nodes["n"].storage_devices[0].partitions[0].volume_group == "vg"


def test_d27_conflicting_storage_is_kept_whole():
    both = {"name": "a", "volume_group": "vg", "filesystem": {"mountpoint": "/"}}
    (device,) = site_of(node("n", storage=disk(both, volume_group="vg"))).nodes["n"].storage_devices
    assert (device.volume_group, device.partitions[0].mountpoint) == ("vg", "/")
    assert device.partitions[0].volume_group == "vg"


def test_d28_a_missing_address_is_a_violation_and_dhcp_in_capitals_no_dhcp():
    assert only_finding(node("n", addressing=[{"network": "lan"}])).code == "DD001"
    shouted = site_of(node("n", addressing=[{"network": "lan", "address": "DHCP"}]))
    assert shouted.nodes["n"].addressing[0].type == "static"


def test_d29_absent_pipelines_are_empty_and_an_asset_needs_content():
    asset = {"type": "file", "path": "/a", "data": "x"}
    spec = site_of(document("BootAction", "b", {"assets": [asset]})).bootactions["b"]
    assert (spec.assets[0].data_pipeline, spec.assets[0].location_pipeline) == ((), ())
    del asset["data"]
    assert only_finding(document("BootAction", "b", {"assets": [asset]})).code == "DD001"


@pytest.mark.parametrize("permissions", ["x644", "888", 555, "55555"])
def test_d30_permissions_are_octal_text(permissions):
    asset = {"type": "file", "path": "/a", "data": "x", "permissions": permissions}
    assert only_finding(document("BootAction", "b", {"assets": [asset]})).code == "DD001"
    asset["permissions"] = "555"
    site = site_of(document("BootAction", "b", {"assets": [asset]}))
    assert site.bootactions["b"].assets[0].permissions == 0o555


def test_d31_a_filter_without_type_is_a_violation_of_its_boot_action():
    body = {"assets": [], "node_filter": {"filter_set_type": "union", "filter_set": [{}]}}
    finding = only_finding(document("BootAction", "b", body))
    assert (finding.code, finding.documents[0].name) == ("DD001", "b")


def test_d32_a_tag_definition_of_a_bad_type_is_a_violation():
    definition = {"tag": "t", "definition_type": "python", "definition": "x"}
    old = {"apiVersion": "drydock/v1", "kind": "Region", "metadata": {"name": "r"}}
    assert only_finding(old | {"spec": {"tag_definitions": [definition]}}).code == "DD001"


def test_d33_document_references_go_into_sets():
    assert len({DocumentRef("a", "b"), DocumentRef("a", "b")}) == 1


def test_e1_a_node_that_fails_stops_no_other():
    site, findings = compile_site(
        stream(*BASE, node("a", hardware_profile="gone"), node("b"), node("c", host_profile="gone"))
    )
    assert [f.documents[0].name for f in findings] == ["a", "c"]
    assert list(site.nodes) == ["b"]


def test_e2_cycles_are_told():
    finding = only_finding(profile("p", host_profile="p"), node("n", host_profile="p"))
    assert "p -> p" in finding.message


def test_e3_markers_do_not_survive():
    found = site_of(
        node(
            "n",
            platform={"image": "!"},
            metadata={"tags": ["!a", "b"], "owner_data": {"!c": "", "d": "e"}},
            interfaces={"!e": {}, "f": {"networks": ["!x", "y"], "device_link": "!"}},
        )
    ).nodes["n"]
    assert (found.image, found.tags, found.owner_data) == (None, ("b",), {"d": "e"})
    assert [(i.device_name, i.networks, i.network_link) for i in found.interfaces] == [
        ("f", ("y",), None)
    ]


def test_e4_every_unmentioned_entry_of_the_parent_is_kept():
    devices = {name: {"volume_group": "v"} for name in ("sda", "sdb", "sdc")}
    groups = {name: {} for name in ("v", "w", "x")}
    found = inherited(
        {"storage": {"physical_devices": devices, "volume_groups": groups}},
        {"storage": {"physical_devices": {"sdd": {}}, "volume_groups": {"y": {}}}},
    )
    assert [d.name for d in found.storage_devices] == ["sda", "sdb", "sdc", "sdd"]
    assert [g.name for g in found.volume_groups] == ["v", "w", "x", "y"]


def test_e5_defaults_are_given_after_merging():
    root = {"name": "root", "size": "30g", "bootable": True, "filesystem": {"fstype": "xfs"}}
    found = inherited(
        {"storage": disk(root)},
        {"storage": disk({"name": "root", "filesystem": {"mountpoint": "/"}})},
    )
    (partition,) = found.storage_devices[0].partitions
    assert (partition.fstype, partition.bootable, partition.mountpoint) == ("xfs", True, "/")
    assert partition.mount_options == "defaults"


def test_e6_sriov_is_inherited():
    found = inherited(
        {"interfaces": {"e": {"sriov": {"vf_count": 4, "trustedmode": True}}}},
        {"interfaces": {"e": {"networks": ["lan"]}}},
    )
    (interface,) = found.interfaces
    assert (interface.sriov, interface.vf_count, interface.trustedmode) == (True, 4, True)


def test_e7_logical_volumes_are_merged():
    def groups(*volumes):
        return {"storage": {"volume_groups": {"v": {"logical_volumes": list(volumes)}}}}

    found = inherited(
        groups({"name": "a", "size": "1g"}, {"name": "b", "size": "2g"}),
        groups({"name": "a", "size": "3g"}),
    )
    assert [(v.name, v.size) for v in found.volume_groups[0].logical_volumes] == [
        ("a", "3g"),
        ("b", "2g"),
    ]


def test_e8_an_alias_needs_no_device_type():
    hardware = document(
        "HardwareProfile", "x", {"device_aliases": {"nic": {"address": "0:1", "bus_type": "pci"}}}
    )
    site = site_of(hardware, node("n", hardware_profile="x", interfaces={"e": {"slaves": ["nic"]}}))
    (selector,) = site.nodes["n"].interfaces[0].slave_selectors
    assert (selector.address, selector.device_type) == ("0:1", None)


def test_e9_storage_aliases_are_resolved():
    hardware = HardwareProfile("h", devices=(DeviceAlias("disk", "0:2.0.0", "scsi"),))
    lshw = "<node><businfo>scsi@0:2.0.0</businfo><logicalname>/dev/sda</logicalname></node>"
    assert logical_names(hardware, parse_lshw(lshw)) == {"disk": "sda"}


def test_e10_incomplete_lshw_elements_are_skipped():
    lshw = (
        '<list><node class="network"/><node class="network"><businfo>pci@0:1</businfo></node>'
        '<node class="network"><businfo>pci@0:1</businfo><logicalname>eno1</logicalname></node>'
        "</list>"
    )
    hardware = HardwareProfile("h", devices=(DeviceAlias("nic", "regexp:0:1", "pci"),))
    assert logical_names(hardware, parse_lshw(lshw)) == {"nic": "eno1"}


def test_e11_a_reference_to_nothing_is_an_error_of_the_node():
    bad = {"isolcpus": "hardwareprofile:cpuset.none", "x": "hardwareprofile:nothing"}
    findings = findings_of(node("n", platform={"kernel_params": bad}))
    assert [f.documents[0].name for f in findings] == ["n", "n"]
    profile_ = HardwareProfile("h", cpu_sets={"a": "1"})
    assert kernel_params.resolve({"k": "hardwareprofile.cpuset.a"}, profile_) == ({"k": "1"}, [])


def test_e12_a_false_parameter_is_left_out():
    assert kernel_params.render({"a": False, "b": True}) == "b"


def test_e13_the_physical_volumes_of_a_group_are_computed():
    storage = disk({"name": "p", "volume_group": "v"}) | {"volume_groups": {"v": {}}}
    storage["physical_devices"]["sdb"] = {"volume_group": "v"}
    (group,) = site_of(node("n", storage=storage)).nodes["n"].volume_groups
    assert group.physical_volumes == (("sdb", None), ("sda", "p"))


def test_e14_rendered_routes_need_no_metric_and_repeat_nothing():
    def network(name: str, octet: int, *routes: dict):
        way = {"gateway": f"10.{octet}.0.1", "routedomain": "d"}
        body = {"cidr": f"10.{octet}.0.0/24", "routedomain": "d", "routes": [way, *routes]}
        return document("Network", name, body)

    explicit = {"subnet": "10.1.0.0/24", "gateway": "10.2.0.7"}
    networks = site_of(network("a", 1), network("b", 2, explicit)).networks
    rendered = [(r.subnet, r.metric) for r in networks["a"].routes if r.rendered]
    assert rendered == [("10.2.0.0/24", None)]
    assert not [r for r in networks["b"].routes if r.rendered]


def labelled(name: str, kind: str, color: str, **metadata):
    return node(name, metadata={"owner_data": {"type": kind, "color": color}, **metadata})


FILTERED = (
    labelled("a", "hw", "blue", rack="r1", tags=["x", "y"]),
    labelled("b", "vm", "red"),
    labelled("c", "hw", "red", tags=["x"]),
    document("Rack", "r1", {"labels": {"row": "1"}}),
)


def selected(kind: str, *terms: dict) -> tuple[str, ...]:
    raw = {"filter_set_type": kind, "filter_set": list(terms)}
    return nodefilter.select(site_of(*FILTERED), nodefilter.parse(raw))


def test_e15_several_labels_are_all_required_by_an_intersection():
    labels = {"filter_type": "intersection", "node_labels": {"color": "red", "type": "hw"}}
    name = {"filter_type": "intersection", "node_names": ["a"]}
    assert selected("union", labels, name) == ("a", "c")


def test_e16_rack_labels_select():
    assert selected("union", {"filter_type": "union", "rack_labels": {"row": "1"}}) == ("a",)


def test_e17_results_are_ordered_and_unique_and_nothing_selects_nothing():
    tags = {"filter_type": "intersection", "node_tags": ["y", "x"]}
    assert selected("intersection", tags) == ("a", "c")
    assert selected("intersection") == ()
    assert selected("union", {"filter_type": "intersection"}) == ()


def test_e18_sizes_are_exact():
    with pytest.raises(InvalidDesign):
        sizes.resolve(">1g", 10**9, 10**9)
    assert sizes.resolve("29%", 100, 100) == 29
    for text in ("10%x", "10gIB", "10b", "10Gb"):
        with pytest.raises(InvalidDesign):
            sizes.parse_size(text)


def test_e20_there_is_one_size_parser_with_binary_units():
    assert sizes.parse_size("10gib").size_bytes == 10 * 2**30
    assert sizes.parse_size(">10%").minimum


async def test_e21_a_failed_design_is_told_by_one_property(loader):
    assert (await loader.compile(CONTENT, "ref")).ok
    assert not (await loader.compile(stream(node("n")), "ref")).ok
