"""A design that ends the process that compiles it: its task is not taken up for ever."""

import contextlib
import signal

import httpx
import pytest

from tests.daemon.helpers import SITE, started

pytestmark = pytest.mark.process

# The kernel does so where the memory of the service has an end.
DEADLY = """
import os, signal
from drydockd.design.compiler import Compiler
Compiler.compile = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
from drydockd.__main__ import main
main()
"""


def test_after_the_third_death_the_task_is_failed_and_the_daemon_lives(tmp_path):
    with started(tmp_path, code=DEADLY) as drydockd:
        url = drydockd.ready()
        body = {"action": "validate_design", "design_ref": SITE.as_uri()}
        with contextlib.suppress(httpx.TransportError):
            httpx.post(f"{url}/api/v1.0/tasks", headers=drydockd.admin(), json=body)
        assert drydockd.ended() == -signal.SIGKILL
    for _ in range(2):
        with started(tmp_path, code=DEADLY) as drydockd:
            assert drydockd.ended() == -signal.SIGKILL
    with started(tmp_path, code=DEADLY) as drydockd:
        url = drydockd.ready()
        (task,) = drydockd.get(f"{url}/api/v1.0/tasks").json()
        shown = drydockd.get(f"{url}/api/v1.0/tasks/{task['task_id']}?wait=20").json()
        assert (shown["status"], shown["result"]["status"]) == ("complete", "failure")
        assert "process ended 3 times while it compiled the design" in shown["result"]["message"]
    assert "Traceback" not in drydockd.log
