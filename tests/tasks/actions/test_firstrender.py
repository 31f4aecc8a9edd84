"""What cannot be rendered for real fails its node before anything is done to the machine."""

import hashlib
import os
import random

import pytest
import yaml

from drydockd.errors import RenderError
from drydockd.store.disk import Disk
from drydockd.store.tiny import open_tiny
from tests.tasks.artefacts import ArtefactLab, artefacts, renderer, unpacked
from tests.tasks.helpers import Lab, document, names, site_text

DEPLOYED = "deployments"


def located(url, *pipeline, name="located", kind="file", **more):
    asset = {"type": kind, "path": f"/opt/{name}", "location": url, "data_pipeline": list(pipeline)}
    if kind == "pkg_list":
        del asset["path"]
    return yaml.safe_dump(document("BootAction", name, assets=[asset | more], signaling=False))


def with_actions(*actions, count=3):
    return "---\n".join([site_text(count), *actions])


async def times_deployed(lab, name):
    return (await lab.machine(name)).counters[DEPLOYED]


def broken(name="broken"):
    asset = {
        "type": "file",
        "path": "/etc/broken",
        "data": "fine\n{% if node.hostname == 'n2' %}{{ node.labels.no.such }}{% endif %}",
        "data_pipeline": ["utf8_decode", "template"],
    }
    return yaml.safe_dump(document("BootAction", name, assets=[asset]))


async def test_a_node_whose_template_fails_is_not_touched_and_the_others_go_on():
    async with Lab(with_actions(broken()), initial="ready") as lab:
        task = await lab.run("deploy_nodes")

        assert (task.result.successes, task.result.failures) == (("n1", "n3"), ("n2",))
        assert await times_deployed(lab, "n2") == 0
        assert not lab.store.boot_actions("n2")
        (said,) = [
            m for t in lab.tree(task.task_id) for m in lab.store.messages(t.task_id) if m.extra
        ]
        assert said.extra["name"] == "DD2911"
        assert [d["name"] for d in said.extra["documents"]] == ["n2", "broken"]
        assert "boot action broken, file /etc/broken: segment template" in said.message
        assert "line 2" in said.message
        failure = lab.texts(task.task_id, error=True)[-1]
        assert "Nothing was done to the machine. Correct the template" in failure


async def test_a_node_whose_template_fails_is_not_prepared_either():
    machines = [{"name": name, "power": "on"} for name in names(3)]
    async with Lab(with_actions(broken()), machines=machines) as lab:
        task = await lab.run("prepare_nodes")

        assert (task.result.successes, task.result.failures) == (("n1", "n3"), ("n2",))
        assert (await lab.machine("n2")).counters["power_cuts"] == 0
        failure = lab.texts(task.task_id, error=True)[-1]
        assert failure.startswith("n2: boot action broken, file /etc/broken: segment template")
        assert "Nothing was done to the machine. Correct the template" in failure


async def test_what_a_fetched_template_looks_up_is_found_wrong_before_the_wipe():
    async with artefacts(script=b"{{ node.hostname }} {{ node.labels.nope.deep }}\n") as server:
        text = with_actions(located(f"{server.url}/script", "utf8_decode", "template"))
        async with ArtefactLab(text) as lab:
            task = await lab.run("deploy_nodes", "n1")

            assert task.result.failures == ("n1",)
            assert await times_deployed(lab, "n1") == 0
            # Nobody names what was fetched for nothing.
            assert lab.store.health().pinned_bytes == lab.tasks.pinned.fetched_bytes == 0
            assert not [d for d in lab.store.backend._blobs if d not in lab.store._tables.blob_uses]


async def test_a_source_is_asked_once_for_all_nodes_and_never_at_a_boot():
    async with artefacts(script=b"#!/bin/sh\n", tool=b"for {{ node.hostname }}\n") as server:
        text = with_actions(
            located(f"{server.url}/script"),
            located(f"{server.url}/tool", "utf8_decode", "template", name="tool"),
        )
        async with ArtefactLab(text) as lab:
            task = await lab.run("deploy_nodes")
            assert task.result.successes == names(3)
            assert server.asked == {"/script": 1, "/tool": 1}

            await server.leave()
            for name in names(3):
                found = await lab.archive(name)
                assert found["/opt/located"] == b"#!/bin/sh\n"
                assert found["/opt/tool"] == f"for {name}\n".encode()

            await lab.restart()
            assert (await lab.archive("n2"))["/opt/located"] == b"#!/bin/sh\n"


@pytest.mark.parametrize("pipeline", [(), ("utf8_decode",)])
async def test_a_large_source_that_nothing_changes_is_in_no_archive_in_memory(pipeline):
    content = random.Random(5).randbytes(1_000_000).hex().encode()
    async with artefacts(large=content) as server:
        text = with_actions(located(f"{server.url}/large", *pipeline), count=1)
        async with ArtefactLab(text) as lab:
            await lab.run("deploy_nodes")
            for _ in range(2):
                context = lab.tasks.deployments.current("n1")
                archive = await renderer(lab).archive(context, "file")
                assert sum(len(p) for p in archive.pieces if isinstance(p, bytes)) < 10_000
                assert (await unpacked(archive))["/opt/located"] == content
                await lab.restart()


async def test_a_source_that_is_no_text_where_text_is_needed_fails_its_node():
    async with artefacts(bad=b"\xff\xfe") as server:
        text = with_actions(located(f"{server.url}/bad", "utf8_decode"))
        async with ArtefactLab(text) as lab:
            task = await lab.run("deploy_nodes", "n1")
            assert "not UTF-8" in lab.texts(task.task_id, error=True)[-1]
            assert await times_deployed(lab, "n1") == 0


async def test_packages_behind_an_address_are_pinned_too():
    async with artefacts(packages=b"{chrony: '4.2-2'}") as server:
        text = with_actions(located(f"{server.url}/packages", kind="pkg_list"))
        async with ArtefactLab(text) as lab:
            task = await lab.run("deploy_nodes")
            assert task.result.successes == names(3)
            assert server.asked == {"/packages": 1}
            (pin,) = [p for p in lab.store.boot_context("n1").pins if p.asset == "located/0"]
            assert await lab.tasks.pinned.content(pin) == b"{chrony: '4.2-2'}"
            assert lab.room._cabling.of_name("n1").spec.packages == {
                "chrony": "4.2-2",
            }


async def test_a_source_that_is_away_fails_its_nodes_before_the_wipe_and_is_not_asked_for_each():
    async with artefacts(script=b"x") as server:
        text = with_actions(located(f"{server.url}/script"), count=20)
        await server.leave()
        async with ArtefactLab(text) as lab:
            task = await lab.run("deploy_nodes")

            assert task.result.failures == names(20)
            assert [await times_deployed(lab, name) for name in names(20)] == [0] * 20
            failure = lab.texts(task.task_id, error=True)[-1]
            assert "boot action located, file /opt/located" in failure
            assert "Nothing was done to the machine. See that the source answers" in failure


async def test_the_same_content_lies_once_and_goes_with_the_last_deployment():
    content = b"0123456789" * 50_000
    async with artefacts(one=content, other=content) as server:
        text = with_actions(located(f"{server.url}/one"), located(f"{server.url}/other", name="o"))
        async with ArtefactLab(text) as lab:
            await lab.run("deploy_nodes")
            pins = [pin for n in names(3) for pin in lab.store.boot_context(n).pins]
            assert len(pins) == 6
            assert len({pin.parts for pin in pins}) == 1
            assert lab.store.health().pinned_bytes == pins[0].packed
            parts = pins[0].parts
            assert set(parts) < set(lab.store.backend._blobs)

            await lab.run("destroy_nodes", "n1", "n2")
            assert set(parts) < set(lab.store.backend._blobs)
            await lab.run("destroy_nodes", "n3")
            assert not set(parts) & set(lab.store.backend._blobs)
            assert lab.store.health().pinned_bytes == 0


async def test_a_source_larger_than_an_asset_may_be_fails_its_node():
    async with artefacts(big=b"x" * 5000) as server:
        lab = ArtefactLab(with_actions(located(f"{server.url}/big")))
        lab.with_settings(pins=type(lab.settings.pins)(asset_bytes=4999))
        lab.tasks = lab._new()
        async with lab:
            task = await lab.run("deploy_nodes", "n1")
            assert task.result.failures == ("n1",)
            assert "its source has more than 4999 bytes" in lab.texts(task.task_id, error=True)[-1]


async def test_all_pinned_sources_together_have_a_bound():
    async with artefacts(n1=b"a" * 5000, n2=hashlib.sha512(b"b").digest() * 5) as server:
        lab = ArtefactLab(
            with_actions(
                located(server.url + "/{{ node.hostname }}", location_pipeline=["template"])
            )
        )
        lab.with_settings(pins=type(lab.settings.pins)(pinned_bytes=60))
        lab.tasks = lab._new()
        async with lab:
            assert (await lab.run("deploy_nodes", "n1")).result.successes == ("n1",)
            task = await lab.run("deploy_nodes", "n2")
            assert task.result.failures == ("n2",)
            assert await times_deployed(lab, "n2") == 0
            assert "bootactions.pinned_bytes" in lab.texts(task.task_id, error=True)[-1]


class FullDisk(Disk):
    """A disk that is full for blobs."""

    is_full = False

    def write(self, descriptor, data):
        if self.is_full and "/blobs/" in os.readlink(f"/proc/self/fd/{descriptor}"):
            raise OSError(28, "No space left on device")
        return super().write(descriptor, data)


async def test_a_full_disk_fails_the_node_before_the_wipe_and_leaves_nothing(tmp_path):
    disk = FullDisk()
    store = await open_tiny(tmp_path / "state", disk=disk)
    async with artefacts(script=b"x" * 100) as server:
        lab = ArtefactLab(with_actions(located(f"{server.url}/script")), store=store)
        async with lab:
            await lab.run("deploy_nodes", "n3")  # the design is there
            disk.is_full = True
            server.contents["/script"] = b"y" * 100
            task = await lab.run("deploy_nodes", "n1")
            assert task.result.failures == ("n1",)
            assert await times_deployed(lab, "n1") == 0
            assert "No space left on device" in lab.texts(task.task_id, error=True)[-1]
            assert lab.tasks.pinned.fetched_bytes == 0

            disk.is_full = False
            assert (await lab.run("deploy_nodes", "n1")).result.successes == ("n1",)
            assert (await lab.archive("n1"))["/opt/located"] == b"y" * 100
    await store.close()


async def test_a_damaged_blob_is_named_with_the_way_out_which_works(tmp_path):
    state = tmp_path / "state"
    async with artefacts(script=b"x" * 100) as server:
        text = with_actions(located(f"{server.url}/script"))
        store = await open_tiny(state)
        async with ArtefactLab(text, store=store) as lab:
            await lab.run("deploy_nodes", "n1")
            (pin,) = lab.store.boot_context("n1").pins
        await store.close()
        (state / "blobs" / pin.parts[0]).write_bytes(b"z" * 20)
        store = await open_tiny(state)
        async with ArtefactLab(text, store=store) as lab:
            with pytest.raises(RenderError, match=f"{pin.parts[0]}, is damaged; destroy and"):
                await lab.archive("n1")

            await lab.run("destroy_nodes", "n1")
            await lab.run("prepare_nodes", "n1")
            task = await lab.run("deploy_nodes", "n1")
            assert task.result.successes == ("n1",)
            assert (await lab.archive("n1"))["/opt/located"] == b"x" * 100
        await store.close()
