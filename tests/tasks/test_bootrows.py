from drydockd.model import Action, Task
from drydockd.site import BootActionSpec
from drydockd.store.memory import MemoryStore
from drydockd.tasks import bootrows
from tests.tasks.helpers import KEYS

SPECS = [BootActionSpec("a"), BootActionSpec("b", signaling=False)]


async def a_deployment(store, task_id="d1", specs=SPECS):
    task = Task(task_id, Action.DEPLOY_NODE, design_ref="ref", design="digest")
    context = bootrows.new_context(task, "n1")
    rows = bootrows.new_rows(context, specs)
    await store.write(*bootrows.opening(store, "n1", context, rows))
    return context, rows


async def test_a_deployment_has_a_row_per_boot_action_with_ids_of_their_own():
    store = MemoryStore()
    context, _ = await a_deployment(store)

    first, second = store.boot_actions("n1")
    assert [(r.name, r.status) for r in (first, second)] == [
        ("a", "incomplete"),
        ("b", "unreported"),
    ]
    assert len({first.action_id, second.action_id}) == 2
    assert len(first.action_id) == 26
    assert store.boot_context("n1") == context
    assert (context.context_id, context.design) == ("d1", "digest")


async def test_the_next_deployment_closes_the_one_before_in_the_same_write():
    store = MemoryStore()
    await a_deployment(store, "d1")
    writes = []
    store.watch(writes.append)
    await a_deployment(store, "d2")

    assert len(writes) == 1
    closed = {r.context_id: bool(r.closed) for r in store.boot_actions("n1")}
    assert closed == {"d1": True, "d2": False}
    assert store.boot_context("n1").context_id == "d2"


async def test_a_deployment_without_boot_actions_ends_the_context_before():
    store = MemoryStore()
    await a_deployment(store)
    await store.write(*bootrows.opening(store, "n1", None, []))

    assert bootrows.current(store, "n1") is None
    assert all(row.closed for row in store.boot_actions("n1"))


async def test_closing_what_is_closed_changes_nothing():
    store = MemoryStore()
    assert bootrows.closing(store, "n1") == []
    await a_deployment(store)
    await store.write(*bootrows.closing(store, "n1"))
    assert bootrows.closing(store, "n1") == []


async def test_grants_carry_each_actions_own_key():
    store = MemoryStore()
    context, rows = await a_deployment(store)
    grants = bootrows.grants(rows, KEYS)
    assert grants["a"].action_key == KEYS.action_key("d1", rows[0].action_id)
    assert grants["a"].action_key != KEYS.node_key(context)
