import pytest

from drydockd.errors import TooMany, Unavailable
from tests.handlers.helpers import daemon


async def test_a_session_holds_so_many_live_views_open_and_all_together_so_many(tmp_path):
    async with daemon(tmp_path, web={"streams": 3, "streams_per_session": 2}) as drydock:
        check(drydock.app.dashboard.streams)


def check(streams):
    with streams.taken("a"), streams.taken("a"):
        with pytest.raises(TooMany, match=r"web\.streams_per_session"), streams.taken("a"):
            pass
        with (
            streams.taken("b"),
            pytest.raises(Unavailable, match=r"web\.streams\)"),
            streams.taken("c"),
        ):
            pass


async def test_a_way_in_is_below_the_base(drydock):
    dashboard = drydock.app.dashboard
    path = dashboard.login_path("token")
    assert path.startswith("/ui/login/")
    assert dashboard.links.take(path.rpartition("/")[2]) == "token"
