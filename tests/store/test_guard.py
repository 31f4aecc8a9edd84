"""What may never change; the whole matrix is in test_base, on every backend."""

import pytest

from drydockd.errors import Conflict
from drydockd.model import BootActionStatus
from drydockd.store.guard import check_replacement
from tests.store.helpers import COMPLETE, RUNNING, TUESDAY, a_boot_action, a_context, a_task


def test_a_running_task_may_become_anything():
    check_replacement(a_task("a", status=RUNNING), a_task("a", status=COMPLETE, scope=("n",)))


def test_a_final_task_keeps_its_status_but_not_its_time():
    done = a_task("a", status=COMPLETE)
    check_replacement(done, a_task("a", status=COMPLETE, updated=TUESDAY))
    with pytest.raises(Conflict, match="task a is complete: its status is final"):
        check_replacement(done, a_task("a", status=RUNNING))


def test_the_refusal_of_a_second_report_names_the_first():
    done = a_boot_action("A", status=BootActionStatus.FAILURE)
    with pytest.raises(Conflict, match="boot action A is already failure"):
        check_replacement(done, a_boot_action("A", status=BootActionStatus.SUCCESS))
    closed = a_boot_action("A", status=BootActionStatus.FAILURE, closed=TUESDAY, updated=TUESDAY)
    check_replacement(done, closed)


def test_contexts_may_always_be_replaced():
    check_replacement(a_context("n", "1", closed=TUESDAY), a_context("n", "2"))
