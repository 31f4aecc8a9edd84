"""Several daemons on one database: any of them may be asked, any of them may die."""

import pytest

from tests.daemon.cluster import here
from tests.handlers.helpers import V1

pytestmark = pytest.mark.peer("postgres")


async def test_what_one_daemon_takes_another_one_does(tmp_path, postgres):
    async with here(tmp_path, postgres, 2) as cluster:
        [follower] = await cluster.followers()
        runner = await cluster.runner()
        ended = await follower.task(action="verify_nodes", node_filter=None)
        assert (ended["status"], ended["result"]["status"]) == ("complete", "success")
        assert follower.app.services.tasks._scheduler._running == {}
        shown = (await runner.get(f"{V1}/tasks/{ended['task_id']}")).json()
        assert shown["result"] == ended["result"]
