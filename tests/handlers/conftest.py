import os

import pytest

from tests.handlers.helpers import daemon

# Set by test_balanced.py for a run of the suite over several daemons.
if "DRYDOCKD_TEST_BALANCED" in os.environ:
    from tests.handlers.through import through_the_balancer  # noqa: F401


@pytest.fixture
async def drydock(tmp_path):
    async with daemon(tmp_path) as running:
        yield running
