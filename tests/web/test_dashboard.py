import pytest

from drydockd.auth.audit import Audit
from drydockd.config import Settings
from drydockd.errors import TooMany, Unavailable
from drydockd.web.dashboard import make_dashboard


def test_a_session_holds_so_many_live_views_open_and_all_together_so_many():
    settings = Settings.model_validate({"web": {"streams": 3, "streams_per_session": 2}})
    streams = make_dashboard(settings, Audit()).streams
    with streams.taken("a"), streams.taken("a"):
        with pytest.raises(TooMany, match=r"web\.streams_per_session"), streams.taken("a"):
            pass
        with (
            streams.taken("b"),
            pytest.raises(Unavailable, match=r"web\.streams\)"),
            streams.taken("c"),
        ):
            pass


def test_a_way_in_is_below_the_base():
    dashboard = make_dashboard(Settings.model_validate({"web": {"base_path": "/x"}}), Audit())
    path = dashboard.login_path("token")
    assert path.startswith("/x/login/")
    assert dashboard.links.take(path.rpartition("/")[2]) == "token"
