import pytest

from drydockd.cli.design_diff import as_lines, difference
from drydockd.design.compile import compile_site
from tests.cli.designs import SMALL
from tests.designs import on_designs
from tests.sites.folder import on_site_files


def the_site(text):
    site, findings = compile_site(text.encode())
    assert not [finding for finding in findings if finding.error], findings
    return site


async def changes(*replacements, node="w01"):
    text = SMALL
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new)
    found = await difference(the_site(SMALL), the_site(text))
    return {
        section: {what: (c.before, c.after) for what, c in of_section.items()}
        for section, of_section in found.changed.get(node, {}).items()
    }


async def test_a_design_does_not_differ_from_itself():
    found = await difference(the_site(SMALL), the_site(SMALL))

    assert not found
    assert found.unchanged == 2


@pytest.mark.parametrize(
    "path", [*on_designs("foundry"), *on_site_files("seaworthy", "intel-pod15")]
)
async def test_a_whole_design_does_not_differ_from_itself(path):
    text = path.read_text()

    assert not await difference(the_site(text), the_site(text))


async def test_an_address_changes_with_its_network_plan_unchanged():
    found = await changes(("10.9.0.11", "10.9.0.77"))

    assert found == {"addresses": {"lan": ("10.9.0.11", "10.9.0.77")}}


async def test_a_partition_changes_by_its_size_and_its_filesystem():
    found = await changes(("size: 60g", "size: 70g"), ("fstype: xfs", "fstype: ext4"))

    root = "physical_devices/sda/partitions/root"
    assert found == {
        "storage": {
            f"{root}/size": ("60g", "70g"),
            f"{root}/filesystem/fstype": ("xfs", "ext4"),
        }
    }


async def test_image_kernel_and_arguments_change():
    found = await changes(
        ("image: jammy", "image: noble"), ("ga-22.04", "ga-24.04"), ("quiet: true, ", "")
    )

    assert found["kernel"] == {
        "image": ("jammy", "noble"),
        "kernel": ("ga-22.04", "ga-24.04"),
        "arguments": ("quiet console=ttyS0 nosmt", "console=ttyS0 nosmt"),
    }


async def test_packages_come_go_and_change_their_version():
    found = await changes(("curl: '7.0-1', vim: null", "curl: '8.0-1', htop: null"))

    assert found == {
        "packages": {
            "curl": ("7.0-1", "8.0-1"),
            "vim": ("any version", None),
            "htop": (None, "any version"),
        }
    }


async def test_an_asset_changes_with_its_content_its_mode_or_its_source():
    content = await changes(("I am ", "Here is "))
    mode = await changes(("'0644'", "'0600'"))
    source = await changes(("files.example/{{", "other.example/{{"))

    assert list(content["assets"]) == ["/etc/motd"]
    assert "mode 0600" in mode["assets"]["/etc/motd"][1]
    before, after = source["assets"]["/etc/systemd/system/x.service"]
    assert "files.example" in before
    assert "other.example" in after


async def test_links_and_routes_change_the_network():
    found = await changes(
        ("{allowed_networks: [lan],", "{mtu: 9000, allowed_networks: [lan],"),
        ("gateway: 10.9.0.1}", "gateway: 10.9.0.254}"),
        ("vf_count: 4", "vf_count: 8"),
    )

    assert found["network"] == {
        "default gateway": ("10.9.0.1", "10.9.0.254"),
        "eno1 mtu": ("1500", "9000"),
        "eno1 sriov": ("4 functions", "8 functions"),
        "eno1 route 0.0.0.0/0 on lan": ("via 10.9.0.1 metric 100", "via 10.9.0.254 metric 100"),
    }


async def test_tags_and_labels_change():
    found = await changes(("tags: [gpu]", "tags: [tpu]"), ("tier: '2'", "tier: '3'"))

    assert found == {
        "labels": {"tags": ("gpu, worker, prod", "tpu, worker, prod"), "tier": ("2", "3")}
    }


async def test_nodes_come_and_go():
    found = await difference(the_site(SMALL), the_site(SMALL.replace("name: w02", "name: w03")))

    assert (found.added, found.removed, found.unchanged) == (["w03"], ["w02"], 1)
    assert as_lines(found) == [
        "- node w02 is removed",
        "+ node w03 is added",
        "0 changed, 1 added, 1 removed, 1 unchanged",
    ]


async def test_what_cannot_be_made_is_a_value_like_any_other():
    found = await changes(
        ("allowed_networks: [lan]", "allowed_networks: []"), ("{{ node.hostname }},", "{{ oops }},")
    )

    assert found["network"]["plan"][1].startswith("cannot be made: node w01: interface eno1")
    assert found["assets"]["boot data"][1].startswith("cannot be rendered: w01: boot action motd")


async def test_the_bmcs_password_is_in_no_line():
    found = await difference(
        the_site(SMALL),
        the_site(SMALL.replace("s3cret", "n3wer").replace("image: jammy", "image: x")),
    )

    text = "\n".join(as_lines(found))
    assert "image: jammy -> x" in text
    assert "s3cret" not in text
    assert "n3wer" not in text
