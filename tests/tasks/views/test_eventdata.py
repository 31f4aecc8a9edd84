from drydockd.api.event import KINDS
from drydockd.model import Action
from drydockd.store.base import Put
from drydockd.store.memory import MemoryStore
from drydockd.tasks.views.eventdata import boot_action_data, message_data, task_data, task_kind
from tests.store.helpers import a_boot_action, a_message, a_task


async def test_a_nodes_own_record_of_a_step_is_a_node():
    store = MemoryStore()
    step = a_task("step", parent_task_id="root", action=Action.DEPLOY_NODE, scope=("n1",))
    leaf = a_task("leaf", parent_task_id="step", action=Action.DEPLOY_NODE, scope=("n1",))
    lost = a_task("lost", parent_task_id="gone", action=Action.DEPLOY_NODE, scope=("n1",))
    root = a_task("root", scope=("n1",))
    await store.write(*(Put(task) for task in (root, step, leaf, lost)))
    kinds = [task_kind(store, task) for task in (root, step, leaf, lost)]
    assert kinds == ["state", "state", "node", "state"]


def test_the_data_are_those_of_the_models():
    for kind, data in (
        ("state", task_data(a_task("t", scope=("n1", "n2")))),
        ("node", task_data(a_task("t", scope=("n1",)))),
        ("message", message_data(a_message("t", seq=1))),
        ("boot_action", boot_action_data(a_boot_action("A"))),
    ):
        assert set(data) <= set(KINDS[kind].model_fields)
        assert KINDS[kind].model_validate(data).as_dict() == data
