"""Of the daemons that share a store one tells of its records; each tells of itself."""

from tests.handlers.helpers import REF, V1
from tests.handlers.others import in_company

# What is the same everywhere, or nobody but the runner knows.
OF_RUNNER = (
    "drydock_tasks{",
    "drydock_store_records{",
    "drydock_nodes{",
    "drydock_cluster_epoch ",
)


async def numbers(drydock):
    return (await drydock.http.get("/metrics")).text


def value(text, name):
    [line] = [line for line in text.splitlines() if line.startswith(f"{name} ")]
    return float(line.split()[-1])


async def test_a_daemon_alone_is_its_runner_and_has_no_cluster(drydock):
    text = await numbers(drydock)
    assert value(text, "drydockd_runner") == 1
    assert "drydock_tasks{" in text
    for name in ("cluster_members", "store_silent_seconds", "store_applied_writes"):
        assert f"\ndrydock_{name} " not in text


async def test_only_the_runner_tells_of_the_store(drydock):
    await drydock.task(action="prepare_nodes")
    others, cluster = in_company(drydock)
    others.silent = 0.5
    text = await numbers(drydock)
    assert value(text, "drydockd_runner") == 0
    assert [name for name in OF_RUNNER if f"\n{name}" in text] == []
    assert value(text, "drydock_store_silent_seconds") == 0.5
    assert value(text, "drydock_store_applied_writes") == drydock.app.services.store.seq
    assert value(text, "drydock_cluster_members") == 3
    assert value(text, "drydock_store_up") == 1
    cluster.lease.runner = "b"
    text = await numbers(drydock)
    assert value(text, "drydockd_runner") == 1
    assert [name for name in OF_RUNNER if f"\n{name}" not in text] == []
    assert value(text, "drydock_cluster_epoch") == 7


async def test_when_it_is_over_the_daemon_still_tells_of_itself(drydock):
    others, _ = in_company(drydock)
    others.cut, others.silent = True, 100
    text = await numbers(drydock)
    assert value(text, "drydock_store_silent_seconds") == 100
    answer = await drydock.post(f"{V1}/tasks", {"action": "noop", "design_ref": REF})
    assert answer.status_code == 503
