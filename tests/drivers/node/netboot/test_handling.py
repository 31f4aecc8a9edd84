"""What every handler of the boot listener does: errors and their statuses."""

import pytest

from drydockd.drivers.node.netboot.handling import STATUS
from drydockd.errors import Busy, Conflict, Forbidden, StoreUnavailable, Unauthenticated


@pytest.mark.parametrize(
    ("error", "status", "is_worth_retrying"),
    [
        (Unauthenticated("x"), 401, False),
        (Forbidden("x"), 403, False),
        (Conflict("x"), 409, False),
        (Busy("x"), 503, True),
        (StoreUnavailable("x"), 503, True),
    ],
)
def test_an_agent_is_told_by_the_status_whether_to_come_again(error, status, is_worth_retrying):
    found = next(row[1:] for row in STATUS if isinstance(error, row[0]))
    assert found == (status, is_worth_retrying)
