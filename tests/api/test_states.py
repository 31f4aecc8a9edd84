from drydockd.api.states import TaskStatus


def test_only_complete_and_terminated_are_final():
    assert [s for s in TaskStatus if s.is_final] == [TaskStatus.TERMINATED, TaskStatus.COMPLETE]
