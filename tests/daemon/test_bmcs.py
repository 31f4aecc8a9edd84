"""From unknown to prepared through the API, with the drivers of real BMCs and a room's machines."""

import asyncio
import contextlib
import logging
import os

import pytest

from drydockd.drivers.oob.redfish import driver as redfish
from drydockd.drivers.oob.redfish.pace import Pace
from drydockd.machines import NodeState, PowerState
from tests.daemon.fleet import RedfishBmc, a_site, address, mac, site, workers
from tests.leaping import Leaping
from tests.peers.bmc import ACCOUNT, PASSWORD
from tests.peers.ipmi import ACCOUNT as IPMI_ACCOUNT
from tests.peers.ipmi import CHASSIS
from tests.peers.ipmi import CREDENTIAL as IPMI_CREDENTIAL
from tests.peers.lossy import lossy
from tests.tasks.helpers import names

pytestmark = pytest.mark.slow

REDFISH = {"type": "redfish", "account": ACCOUNT, "credential": PASSWORD}
IPMI = {"type": "ipmi", "account": IPMI_ACCOUNT, "credential": IPMI_CREDENTIAL}
# All pauses are over at once; what lasts is counted in looks.
QUICK = Pace(
    first=0.001, retry=0.001, longest=0.001, read_back=0.0, unchanged=0.05, settle=60, closing=2,
    logout=60,
)  # fmt: skip
OPTIONS = {
    "use_ssl": False,
    "power_state_change_retry_interval": 0.005,
    "power_state_change_max_retries": 2_000,
    "connect_seconds": 1,
    "read_seconds": 5,
}


@contextlib.asynccontextmanager
async def redfish_site(folder, count, monkeypatch, **by_node):
    """A site of `count` nodes, each with a scripted BMC: yields the site and the BMCs."""
    monkeypatch.setattr(redfish, "Pace", lambda: QUICK)
    bmcs = [RedfishBmc(number) for number in range(1, count + 1)]
    async with contextlib.AsyncExitStack() as stack:
        for bmc in bmcs:
            await bmc.start(address=address(bmc.number))
            stack.push_async_callback(bmc.stop)
        oob = {
            name: {"port": str(bmc.port), **by_node.get(name, {})}
            for name, bmc in zip(names(count), bmcs, strict=True)
        }

        def connect(number, cable):
            bmcs[number - 1].cable = cable

        running = a_site(
            folder,
            site(count, REDFISH, **oob),
            connect,
            plugins={"oob_driver": ("redfish",)},
            redfish_driver=OPTIONS,
        )
        yield await stack.enter_async_context(running), bmcs


async def is_prepared_with_one_cut(lab, name):
    machine = (await lab.machines())[name]
    assert machine.state is NodeState.READY, name
    counted = ("power_cuts", "netboots", "commissions")
    assert [machine.counters[what] for what in counted] == [1, 1, 1], name


async def test_redfish_takes_nodes_from_unknown_to_prepared(tmp_path, monkeypatch, caplog):
    caplog.set_level(logging.DEBUG, logger="drydockd")
    async with redfish_site(tmp_path, 3, monkeypatch) as (lab, bmcs):
        tasks = [await lab.run("verify_nodes"), await lab.run("prepare_nodes")]
        for task in tasks:
            assert task["result"]["status"] == "success", lab.errors(task)
            assert sorted(task["result"]["successes"]) == list(lab.nodes)
        for name, bmc in zip(lab.nodes, bmcs, strict=True):
            await is_prepared_with_one_cut(lab, name)
            assert (bmc.machine.cuts, bmc.machine.resets) == (1, ["ForceOff", "On"])
            assert bmc.sessions == {}
            [facts] = await lab.facts(name, "redfish")
            assert facts["serial"] == f"SN-{bmc.number:04d}"
            assert facts["macs"] == [mac(bmc.number)]
        tokens = {
            header["x-auth-token"] for b in bmcs for header in b.headers if "x-auth-token" in header
        }
        said = await lab.all_said(tasks) + caplog.text
    assert tokens
    for secret in (PASSWORD, *tokens):
        assert secret not in said


# The hook of a BMC that also writes each change to a pipe, and waits until it was carried out.
TIED = CHASSIS.replace(
    '  echo "$2" > "$1.new" && mv "$1.new" "$1"\n',
    '  old="$(cat power)"\n'
    '  echo "$2" > "$1.new" && mv "$1.new" "$1"\n'
    '  [ "$1" = power ] && [ "$2" != "$old" ] && echo "$2 $(cat boot)" > changes\n'
    '  [ "$1 $2" = "power 1" ] && echo default > boot\n',
)


async def follow(sim, cable):
    """Do at the end of `cable` what the hook of a BMC writes."""
    reader = asyncio.StreamReader()
    pipe = os.fdopen(os.open(sim.folder / "changes", os.O_RDWR), "rb", 0)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), pipe
    )
    try:
        while line := await reader.readline():
            power, boot = line.decode().split()
            cable.power(PowerState.ON if power == "1" else PowerState.OFF, is_netboot=boot == "pxe")
    finally:
        transport.close()


def tied_sims(ipmi_sim, count):
    """The BMCs of `count` nodes, whose machines are on."""
    sims = []
    for number, name in enumerate(names(count), 1):
        guid = f"machine-of-{name}---"[:16]
        sim = ipmi_sim(name, chassis=TIED, guid=guid, address=address(number))
        os.mkfifo(sim.folder / "changes")
        sim.power = "on"
        sims.append(sim)
    return sims


@pytest.mark.peer("ipmi")
async def test_ipmi_takes_nodes_from_unknown_to_prepared(tmp_path, ipmi_sim, caplog):
    caplog.set_level(logging.DEBUG, logger="drydockd")
    sims, cables = tied_sims(ipmi_sim, 2), {}
    oob = {name: {"port": str(sim.port)} for name, sim in zip(names(2), sims, strict=True)}
    running = a_site(
        tmp_path,
        site(2, IPMI, **oob),
        cables.__setitem__,
        plugins={"oob_driver": ("ipmi",)},
    )
    async with running as lab, asyncio.TaskGroup() as group:
        following = [group.create_task(follow(s, cables[n])) for n, s in enumerate(sims, 1)]
        tasks = [await lab.run("verify_nodes"), await lab.run("prepare_nodes")]
        for task in tasks:
            assert task["result"]["status"] == "success", lab.errors(task)
            assert sorted(task["result"]["successes"]) == list(lab.nodes)
        for name, sim in zip(lab.nodes, sims, strict=True):
            await is_prepared_with_one_cut(lab, name)
            assert [line for line in sim.told if "power" in line] == ["power 0", "power 1"]
            [facts] = await lab.facts(name, "ipmi")
            assert facts["power"] == "on"
        said = await lab.all_said(tasks) + caplog.text
        for one in following:
            one.cancel()
    assert IPMI_CREDENTIAL not in said


@contextlib.asynccontextmanager
async def lossy_site(folder, ipmi_sim, loss):
    """Two nodes whose BMCs are behind lines that lose; yields the site, the BMCs and the lines."""
    sims, cables = tied_sims(ipmi_sim, 2), {}
    async with contextlib.AsyncExitStack() as stack:
        lines = [
            await stack.enter_async_context(
                lossy(sim.port, loss=loss, seed=number, address=address(number))
            )
            for number, sim in enumerate(sims, 1)
        ]
        ports = {name: {"port": str(line.port)} for name, line in zip(names(2), lines, strict=True)}
        lab = await stack.enter_async_context(
            a_site(
                folder,
                site(2, IPMI, **ports),
                cables.__setitem__,
                plugins={"oob_driver": ("ipmi",)},
            )
        )
        group = await stack.enter_async_context(workers())
        group += [asyncio.create_task(follow(s, cables[n])) for n, s in enumerate(sims, 1)]
        yield lab, sims, lines


@pytest.mark.peer("ipmi")
async def test_ipmi_prepares_nodes_over_a_line_that_loses_one_of_ten(tmp_path, ipmi_sim):
    """Every question of the chain; each may take several sessions."""
    async with lossy_site(tmp_path, ipmi_sim, 0.1) as (lab, sims, lines):
        for action in ("verify_nodes", "prepare_nodes"):
            task = await lab.run(action, 300)
            assert task["result"]["status"] == "success", lab.errors(task)
        for name, sim in zip(lab.nodes, sims, strict=True):
            await is_prepared_with_one_cut(lab, name)
            assert [line for line in sim.told if "power" in line] == ["power 0", "power 1"]
    assert all(line.lost for line in lines)


@pytest.mark.peer("ipmi")
async def test_over_a_line_that_loses_three_of_ten_a_check_ends_in_time_and_names_who_failed(
    tmp_path, ipmi_sim
):
    """One try of ipmitool in six gets through there: a check may well fail, but not wrongly."""
    async with lossy_site(tmp_path, ipmi_sim, 0.3) as (lab, sims, lines):
        task = await lab.run("verify_nodes", 100)
        result, errors = task["result"], lab.errors(task)
        for number, name in enumerate(lab.nodes, 1):
            if name in result["successes"]:
                [facts] = await lab.facts(name, "ipmi")
                assert facts["power"] == "on"
            else:
                assert name in result["failures"]
                assert [t for t in errors if f"{name}: " in t and address(number) in t], errors
        assert sorted(result["successes"] + result["failures"]) == list(lab.nodes)
    assert all(line.lost for line in lines)
    assert [sim.told for sim in sims] == [[], []]


async def test_two_nodes_with_one_bmc_address_fail_before_any_bmc_is_asked(tmp_path, monkeypatch):
    async with redfish_site(tmp_path, 2, monkeypatch) as (lab, bmcs):
        file = tmp_path / "bmc-site.yaml"
        file.write_text(file.read_text().replace(address(2), address(1)))
        task = await lab.run("prepare_nodes")
        said = await lab.all_said([task])
    assert task["result"]["status"] == "failure"
    assert f"address {address(1)} of node n2 is already used by node n1" in said
    assert [bmc.asked for bmc in bmcs] == [[], []]


@pytest.mark.parametrize("macs", [[mac(1)], []], ids=["and one MAC", "and no MAC told"])
async def test_two_bmcs_with_one_serial_number_and_uuid_are_refused_before_any_power_act(
    tmp_path, monkeypatch, macs
):
    """Such as one machine at two addresses."""
    async with redfish_site(tmp_path, 2, monkeypatch) as (lab, bmcs):
        one, other = bmcs
        other.machine.serial, other.machine.uuid = one.machine.serial, one.machine.uuid
        one.machine.macs, other.machine.macs = list(macs), list(macs)
        # As both begin at once, the second is heard while the first gets its boot device.
        heard = asyncio.Event()
        one.rule("PATCH", SYSTEM, hold=heard)

        async def hear():
            while not other.count("DELETE"):
                await asyncio.sleep(0.001)
            heard.set()

        hearing = asyncio.create_task(hear())
        task = await lab.run("prepare_nodes")
        await hearing
        machines = await lab.machines()
        said = await lab.all_said([task])
    assert sorted(task["result"]["failures"]) == ["n1", "n2"], said
    assert "the serial SN-0001 that it tells is that of n1" in said
    assert "the serial SN-0001 that it tells is that of n2" in said
    for bmc, name in zip(bmcs, lab.nodes, strict=True):
        assert (bmc.machine.resets, machines[name].counters["power_cuts"]) == ([], 0)
        assert bmc.sessions == {}


SYSTEM, RESET = ".*/Systems/1", ".*/ComputerSystem.Reset"
SESSIONS = ".*/SessionService/Sessions"


def it_has(**attributes):
    return lambda bmc: [setattr(bmc, name, value) for name, value in attributes.items()]


def its_machine_has(**attributes):
    return lambda bmc: [setattr(bmc.machine, name, value) for name, value in attributes.items()]


def it_does(method, path, **what):
    return lambda bmc: bmc.rule(method, path, **what)


# One for each node. Source: contract, oob-faults, C.
FAULTS = {
    "nothing": it_has(),
    "no session is left": it_has(limit=0),
    "no sessions at all": it_has(has_sessions=False),
    "sessions only by the service": it_has(links="service"),
    "503 now and then": it_does("GET", SYSTEM, status=503, times=3, skip=1),
    "503 at the login": it_does("POST", SESSIONS, status=503, times=2),
    "an answer is lost": it_does("GET", SYSTEM, drop="after", times=1, skip=2),
    "it needs an ETag": it_has(need_etag=True),
    "it needs an ETag quoted twice": it_has(need_etag=True, etag_form="twice"),
    "it needs an ETag for a reset": it_has(need_etag=True, need_etag_for_reset=True),
    "it is in POST": it_has(post_refusals=3),
    "its power lags": its_machine_has(lag=5),
    "it loses the answer to a reset": it_does("POST", RESET, drop="after", times=1),
    "it loses the answer to both resets": it_does("POST", RESET, drop="after", times=2),
    "it answers with a task": it_has(answers_with_task=True),
    "it knows no ForceOff": it_has(reset_types=["On", "GracefulShutdown", "PushPowerButton"]),
    "it tells its resets elsewhere": it_has(action_info=True),
    "it refuses what is so": it_has(conflict_on_same=True),
    "it is not ready to go on": it_has(on_conflicts=2),
    "it takes the boot object whole": it_has(needs_full_boot=True),
    "it forgets the boot device": it_has(ignore_once=1),
    "it takes changes elsewhere": it_has(settings_only=True),
    "it shows no system at first": it_has(empty_collections=2),
    "it forgets the session": it_does("GET", SYSTEM, status=401, times=1, skip=3),
}
WRONG, DEAD = f"n{len(FAULTS) + 1}", f"n{len(FAULTS) + 2}"


async def mixed(folder, monkeypatch):
    """Return what each fault and each of two nodes without a usable BMC led to."""
    async with redfish_site(folder, len(FAULTS) + 2, monkeypatch) as (lab, bmcs):
        for spoil, bmc in zip(FAULTS.values(), bmcs[: len(FAULTS)], strict=True):
            spoil(bmc)
        wrong, dead = bmcs[len(FAULTS) :]
        wrong.password = "another"
        await dead.stop()
        tasks = [await lab.run("verify_nodes"), await lab.run("prepare_nodes")]
        said = await lab.all_said(tasks)
        return tasks, [lab.errors(task) for task in tasks], await lab.machines(), bmcs, said


def test_faults_of_bmcs_mixed_over_24_nodes_fail_none_but_those_without_a_bmc(
    tmp_path, monkeypatch
):
    """The clock leaps, so that the limit of the dead BMC passes after all others are done."""
    assert len(FAULTS) == 24
    with asyncio.Runner(loop_factory=lambda: Leaping(grace=0.01)) as runner:
        tasks, errors, machines, bmcs, said = runner.run(mixed(tmp_path, monkeypatch))

    nodes = dict(zip(names(24), FAULTS, strict=True))
    for task, texts in zip(tasks, errors, strict=True):
        assert task["result"]["status"] == "partial_success"
        missing = [nodes[name] for name in nodes if name not in task["result"]["successes"]]
        assert not missing, (missing, texts)
        assert sorted(task["result"]["failures"]) == sorted((WRONG, DEAD))
        assert [t for t in texts if f"{WRONG}: " in t and "credential" in t], texts
        assert [t for t in texts if f"{DEAD}: " in t and address(26) in t], texts
    for (name, fault), bmc in zip(nodes.items(), bmcs[:24], strict=True):
        counters = machines[name].counters
        assert machines[name].state is NodeState.READY, fault
        assert (counters["power_cuts"], counters["netboots"]) == (1, 1), fault
        assert bmc.machine.cuts == 1, fault
        assert bmc.sessions == {}, fault
        assert all(rule.hits > rule.skip for rule in bmc.rules), fault
        left = (bmc.post_refusals, bmc.on_conflicts, bmc.ignore_once, bmc.empty_collections)
        assert left == (0, 0, 0, 0), fault
    for name in (WRONG, DEAD):
        assert machines[name].counters["power_cuts"] == 0
    assert PASSWORD not in said


class Mute(asyncio.DatagramProtocol):
    """A BMC that takes everything, over UDP or TCP, and never says a word."""

    def __init__(self):
        self.heard = 0

    def datagram_received(self, data, peer):
        self.heard += 1

    async def connected(self, reader, writer):
        self.heard += 1
        with contextlib.suppress(ConnectionError):
            await reader.read()
        writer.close()


async def verified(folder, oob, mute):
    """Return how verify_nodes of a mute BMC ended, after how long, and what was said."""
    loop = asyncio.get_running_loop()
    async with contextlib.AsyncExitStack() as stack:
        server = await asyncio.start_server(mute.connected, address(1), 0)
        stack.callback(server.close)
        port = server.sockets[0].getsockname()[1]
        transport, _ = await loop.create_datagram_endpoint(lambda: mute, (address(1), port))
        stack.callback(transport.close)
        kind = oob["type"]
        sections = {"redfish_driver": {"use_ssl": False}} if kind == "redfish" else {}
        lab = await stack.enter_async_context(
            a_site(
                folder,
                site(1, oob, n1={"port": str(port)}),
                lambda number, cable: None,
                plugins={"oob_driver": (kind,)},
                **sections,
            )
        )
        begun = loop.time()
        task = await lab.run("verify_nodes")
        return task, lab.errors(task), loop.time() - begun


@pytest.mark.parametrize(
    ("oob", "limit"),
    [
        pytest.param(REDFISH, 300, id="redfish"),
        pytest.param(IPMI, 80, id="ipmi", marks=pytest.mark.peer("ipmi")),
    ],
)
def test_a_bmc_that_never_answers_fails_its_check_soon_and_not_after_a_whole_power_cycle(
    tmp_path, oob, limit
):
    mute = Mute()
    with asyncio.Runner(loop_factory=lambda: Leaping(grace=0.01)) as runner:
        task, errors, seconds = runner.run(verified(tmp_path, oob, mute))

    assert mute.heard
    assert (task["result"]["status"], task["result"]["failures"]) == ("failure", ["n1"])
    [text] = errors
    assert f"did not happen within {limit} s" in text
    assert "last seen: n1: " in text
    assert f"BMC {address(1)}" in text
    assert seconds < 2 * limit
