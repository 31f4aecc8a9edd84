"""HTTPS between agent and listener, with real certificates: iPXE's part stays clear text, the agent
trusts the CA that came in its initrd and nobody else, a renewed certificate needs no restart."""

import asyncio
import re
import ssl

import httpx
import pytest

from drydockd.agent.install.programs import Journal
from drydockd.agent.install.talk import Server
from drydockd.agent.install.work import Agent, Start
from drydockd.drivers.node.netboot.machine import Phase
from drydockd.errors import InvalidConfig
from drydockd.machines import NodeState
from tests.agent.install.test_work import a_lab, a_machine, lived  # noqa: F401 (a fixture)
from tests.drivers.node.netboot.pretend import PretendMachine, bearer
from tests.drivers.node.netboot.shelves import MAC
from tests.drivers.node.netboot.test_provisioner import CONTENT, SHA, SPEC, Bench
from tests.drivers.node.netboot.test_provisioner import catalogue as catalogue
from tests.handlers.helpers import daemon
from tests.peers.certificates import Authority

CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n", re.DOTALL)


def an_authority(folder, name):
    (folder / name).mkdir()
    return Authority(folder / name)


@pytest.fixture
def authority(tmp_path):
    return an_authority(tmp_path, "ca")


async def a_tls_lab(context, phase=Phase.INSPECT):
    lab = await a_lab(phase)
    lab.listener.start_tls("127.0.0.1:0", lambda: context)
    return lab


async def life(lab, cafile):
    """Run a real agent; return how it ended and what stood on its console."""
    shown = []
    url = f"https://127.0.0.1:{lab.listener.tls_port}"
    start = Start(url, MAC, await lab.room.token(), str(cafile))
    agent = Agent(start, journal=Journal(shown.append), pause=lambda seconds: None)
    how = await lived(agent)
    await lab.listener.stop()
    return how, "\n".join(shown)


async def test_an_agent_with_the_ca_does_its_work_over_https(authority):
    context, _ = authority.context()
    lab = await a_tls_lab(context)
    assert (await life(lab, authority.file))[0] == "poweroff"
    assert lab.room.machine.state is NodeState.READY


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"days": -1}, "certificate has expired"),
        ({"address": "10.0.0.9"}, "IP address mismatch, certificate is not valid for '127.0.0.1'"),
        ({"is_self_signed": True}, "self-signed certificate"),
    ],
)
async def test_an_agent_tells_nothing_to_who_has_a_wrong_certificate(authority, wrong, told):
    context, _ = authority.context(**wrong)
    lab = await a_tls_lab(context)
    how, shown = await life(lab, authority.file)
    assert how == "reboot"
    assert f"the server's certificate is not trusted, nothing was told to it: {told}" in shown
    assert re.search(r"; it is 20\d\d-\d\d-\d\d \d\d:\d\d UTC here; reboot in 300 s", shown)
    assert lab.room.machine.nonce is None


async def test_an_agent_trusts_no_other_ca_than_that_of_its_initrd(authority, tmp_path):
    context, _ = authority.context()
    lab = await a_tls_lab(context)
    how, shown = await life(lab, an_authority(tmp_path, "other").file)
    assert (how, lab.room.machine.nonce) == ("reboot", None)
    assert "is not trusted" in shown


async def test_an_image_comes_whole_over_https_and_goes_on_where_it_broke_off(
    tmp_path, catalogue, authority
):
    bench = await a_bench(tmp_path, catalogue, authority)
    handle = await bench.ready()
    served = asyncio.Event()
    got = bytearray()

    async def agent(http, token):
        body = {"nonce": "a" * 32, "mac": MAC, "macs": [MAC], "uuid": "u-1"}
        answer = await http.post("/boot/hello", json=body, headers=bearer(token))
        headers = bearer(answer.json()["session"])
        await http.get("/boot/command", params={"wait": 5}, headers=headers)
        server = Server(
            str(http.base_url), seconds=10, say=print, cafile=bench.machine.cafile,
            pause=lambda seconds: None,
        )  # fmt: skip
        server.token = headers["Authorization"].split()[1]
        path, size = f"/boot/image/{SHA['image']}", len(CONTENT["image"])
        await asyncio.to_thread(server.download, path, got.extend, size)
        part = await http.get(path, headers={**headers, "Range": "bytes=1000-"})
        assert part.content == CONTENT["image"][1000:]
        served.set()
        await asyncio.Event().wait()

    bench.machine.work = agent
    work = asyncio.create_task(bench.driver.deploy(handle, SPEC, bench.voice))
    await served.wait()
    assert bytes(got) == CONTENT["image"]
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)
    await bench.stop()


class TlsMachine(PretendMachine):
    """As iPXE does, it fetches script and initrd in clear text; its agent speaks to who the kernel
    line names, and trusts who the initrd names."""

    cafile = ""
    work = None
    spoke: tuple[str, ...] = ()

    async def agent(self, http, token):
        script = self.scripts[-1]
        initrd = re.search(r"^initrd (\S+)", script, re.MULTILINE)[1]
        assert initrd.startswith("http://")
        (ca,) = CERTIFICATE.findall((await http.get(initrd)).content)
        self.cafile = f"{self.folder}/from-initrd.pem"
        with open(self.cafile, "wb") as file:
            file.write(ca)
        url = re.search(r"drydock\.url=(\S+)", script)[1]
        async with self.http(url) as told:
            await (self.work or super().agent)(told, token)

    def http(self, base_url=None):
        if base_url is None or not base_url.startswith("https:"):
            return super().http(base_url)
        self.spoke = (*self.spoke, base_url)
        context = ssl.create_default_context(cafile=self.cafile)
        return httpx.AsyncClient(base_url=base_url, timeout=10, verify=context)


async def a_bench(folder, catalogue, authority):
    authority.context()
    bench = Bench(
        folder, catalogue, first_boot_seconds=5, hello_seconds=5, tls_cert=authority.pair,
        tls_key=authority.pair, tls_ca=authority.file, tls_listen="127.0.0.1:0",
        agent_url="https://127.0.0.1:1",
    )  # fmt: skip
    bench.machine = TlsMachine()
    bench.machine.folder = folder
    await bench.start()
    url = f"https://127.0.0.1:{bench.driver.tls_port}"
    bench.driver.boots.terms.agent_url = url
    bench.driver._options = bench.driver._options.model_copy(update={"agent_url": url})
    return bench


async def test_a_machine_is_deployed_with_only_ipxes_part_in_clear_text(
    tmp_path, catalogue, authority
):
    bench = await a_bench(tmp_path, catalogue, authority)
    handle = await bench.ready()
    assert (await bench.driver.deploy(handle, SPEC, bench.voice)).state is NodeState.DEPLOYED
    files = {file["path"]: file["text"] for file in bench.machine.plan["files"]}
    assert files["/etc/drydock/ca.pem"] == authority.file.read_text()
    # The agents of two starts, and the installed system.
    assert len(bench.machine.spoke) >= 3
    await bench.stop()


async def test_a_renewed_certificate_is_served_from_the_next_connection_on(
    tmp_path, catalogue, authority
):
    bench = await a_bench(tmp_path, catalogue, authority)

    async def served():
        context = ssl.create_default_context(cafile=str(authority.file))
        _, writer = await asyncio.open_connection("127.0.0.1", bench.driver.tls_port, ssl=context)
        serial = writer.get_extra_info("peercert")["serialNumber"]
        writer.close()
        return serial

    before = await served()
    authority.context()
    take = bench.driver.renewal()
    assert await served() == before
    take()
    assert await served() != before
    authority.context(days=-1)
    with pytest.raises(InvalidConfig, match="certificate has expired"):
        bench.driver.renewal()
    await bench.stop()


def netboot(catalogue, authority, folder):
    return {
        "plugins": {"node_driver": "netboot"},
        "drivers": {
            "netboot_driver": {
                "base_url": "http://127.0.0.1:1", "listen": "127.0.0.1:0", "dhcp": "none",
                "tls_listen": "127.0.0.1:0", "tls_cert": str(authority.pair),
                "tls_key": str(authority.pair), "tls_ca": str(authority.file),
                "images": str(catalogue), "state": str(folder / "netboot"),
            }
        },
    }  # fmt: skip


async def test_a_reload_of_the_daemon_renews_it_all_or_none(tmp_path, catalogue, authority):
    authority.context(days=100)
    async with daemon(tmp_path, **netboot(catalogue, authority, tmp_path)) as drydock:

        def end():
            (mine,) = (c for c in drydock.app.certificates if c.name.startswith("netboot_driver"))
            return mine.not_after

        before = end()
        authority.context(days=200)
        drydock.app.reload()
        assert end() > before
        renewed = end()
        authority.context(days=-1)
        with pytest.raises(InvalidConfig, match=r"netboot_driver\.tls_cert .* has expired"):
            drydock.app.reload()
        assert end() == renewed


async def test_a_certificate_that_ends_soon_is_a_problem_of_the_health(
    tmp_path, catalogue, authority
):
    authority.context(days=3)
    async with daemon(tmp_path, **netboot(catalogue, authority, tmp_path)) as drydock:
        told = (await drydock.get("/api/v1.0/health/extended")).text
        assert "netboot_driver.tls_cert" in told


async def test_a_daemon_does_not_start_with_a_certificate_no_agent_would_take(
    tmp_path, catalogue, authority
):
    authority.context(days=-1)
    with pytest.raises(InvalidConfig, match="certificate has expired"):
        async with daemon(tmp_path, **netboot(catalogue, authority, tmp_path)):
            pass
