"""The agent as machines fetch it: with the site's CA in an archive behind its initrd."""

import hashlib
import shutil
import subprocess

import pytest

from drydockd.drivers.node.netboot.servedagent import ServedAgent, archive
from drydockd.errors import NotFound
from drydockd.images.catalogue import ImageCatalogue
from tests.drivers.node.netboot.test_provisioner import SHA
from tests.drivers.node.netboot.test_provisioner import catalogue as catalogue

CA = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"


def content(served, name):
    path, tail = served.file(name)
    return path.read_bytes() + tail


def test_without_a_ca_the_files_are_those_of_the_catalogue(catalogue):
    served = ServedAgent(ImageCatalogue(catalogue), "agent")
    for name in (served.files().kernel, served.files().initrd):
        assert hashlib.sha256(content(served, name)).hexdigest() == name


def test_6_nothing_but_kernel_and_initrd_is_served_to_everybody(catalogue):
    served = ServedAgent(ImageCatalogue(catalogue), "agent", lambda: CA)
    # The image, and the initrd as it is without the CA.
    for name in (SHA["image"], SHA["initrd"], "0" * 64):
        with pytest.raises(NotFound, match="is served to everybody"):
            served.file(name)


def test_another_ca_is_another_name_so_that_nobody_gets_an_older_one_of_a_cache(catalogue):
    told = [None]
    served = ServedAgent(ImageCatalogue(catalogue), "agent", lambda: told[0])
    names = []
    for ca in (None, CA, CA + CA):
        told[0] = ca
        names.append(served.files().initrd)
    assert len(set(names)) == 3
    with pytest.raises(NotFound):
        served.file(names[1])


def test_the_archive_begins_at_a_multiple_of_four(catalogue):
    served = ServedAgent(ImageCatalogue(catalogue), "agent", lambda: CA)
    path, tail = served.file(served.files().initrd)
    assert (path.stat().st_size + len(tail) - len(tail.lstrip(b"\0"))) % 4 == 0
    assert tail.lstrip(b"\0").startswith(b"070701")
    assert served.file(served.files().kernel)[1] == b""


@pytest.mark.skipif(shutil.which("cpio") is None, reason="no cpio here")
def test_cpio_unpacks_what_was_written(tmp_path):
    files = {"site/etc/drydock/ca.pem": CA.encode(), "odd": b"12345"}
    subprocess.run(["cpio", "-i", "--quiet"], input=archive(files), cwd=tmp_path, check=True)
    for name, text in files.items():
        assert (tmp_path / name).read_bytes() == text
    assert (tmp_path / "site/etc").stat().st_mode & 0o777 == 0o755
