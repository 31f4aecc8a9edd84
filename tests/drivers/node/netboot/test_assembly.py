"""From the core's plans to the agent's."""

from dataclasses import replace

import pytest

from drydockd.drivers.node.netboot.assembly import (
    Applied,
    SiteWide,
    assemble,
    check_features,
    check_room,
    kernel_of,
    with_secrets,
)
from drydockd.drivers.node.netboot.installplan import wire_form
from drydockd.drivers.node.netboot.target import first_boot
from drydockd.errors import DriverUnsupported
from drydockd.images.catalogue import Image
from drydockd.plans import BootDelivery, DeploySpec, PlatformPlan, VolumeGroupPlan
from tests.drivers.node.netboot.test_provisioner import GIB, NETWORK, ROOT, STORAGE

IMAGE = Image(
    name="debian-12",
    kind="squashfs",
    sha256="a" * 64,
    bytes=GIB,
    unpacked_bytes=2 * GIB,
    kernels=("6.1.0-1-amd64",),
)
PLATFORM = PlatformPlan("debian-12", None, "quiet", "n1_kp")


def a_plan(image=IMAGE, deployment_id="d1", **platform):
    applied = Applied(NETWORK, STORAGE, replace(PLATFORM, **platform))
    spec = DeploySpec(
        deployment_id, "debian-12", None, "lab", packages={"vim": None, "jq": "1.6-2"}
    )
    return assemble("n1", applied, spec, image, SiteWide())


def test_packages_are_names_with_their_version():
    assert a_plan().packages == ("vim", "jq=1.6-2")


def test_no_file_is_written_twice():
    paths = [entry.path for entry in a_plan().files]
    assert len(paths) == len(set(paths))
    assert paths[0] == "/etc/fstab"


@pytest.mark.parametrize(
    ("wanted", "kernel"),
    [(None, None), ("ga-18.04", None), ("6.1.0-1-amd64", "6.1.0-1-amd64")],
)
def test_a_kernel_is_the_images_by_name_or_its_newest(wanted, kernel):
    assert kernel_of(IMAGE, wanted) == kernel


def test_a_kernel_the_image_does_not_have_is_refused_with_those_it_has():
    with pytest.raises(DriverUnsupported, match=r"hwe-16\.04: image debian-12 has 6\.1\.0-1-amd64"):
        a_plan(kernel="hwe-16.04")


def test_the_image_its_squashfs_and_a_fifth_must_fit_the_root():
    check_room(STORAGE, IMAGE)
    small = replace(STORAGE.disks[0], partitions=(replace(ROOT, size_bytes=3 * GIB),))
    with pytest.raises(DriverUnsupported, match="has 3072 MiB; image debian-12 needs 3482"):
        check_room(replace(STORAGE, disks=(small,)), IMAGE)
    tar = IMAGE.model_copy(update={"kind": "tar.zst"})
    check_room(replace(STORAGE, disks=(small,)), tar)


def test_volumes_need_an_image_that_starts_them():
    volumes = replace(STORAGE, volume_groups=(VolumeGroupPlan("data", ("vdb",), ()),))
    with pytest.raises(DriverUnsupported, match="group data; image debian-12 has no lvm2"):
        check_features(volumes, IMAGE)
    check_features(volumes, IMAGE.model_copy(update={"features": ("lvm",)}))
    check_features(STORAGE, IMAGE)


def test_secrets_are_only_in_what_the_agent_is_told():
    stored = wire_form(a_plan())
    told = with_secrets(
        stored, BootDelivery("k" * 64, "http://api", "n1"), first_boot("http://boot", "s" * 64)
    )
    assert "k" * 64 not in str(stored)
    assert "s" * 64 not in str(stored)
    assert told["boot"] == {"url": "http://api", "key": "k" * 64, "hostname": "n1"}
    assert told["files"][-1]["text"] == f"http://boot {'s' * 64}\n"
    assert with_secrets(stored, None, ())["boot"] is None
