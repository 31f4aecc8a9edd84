import pytest
from tornado.web import RequestHandler

from drydockd.handlers.routing import Route, Routes


class One(RequestHandler):
    pass


class Two(RequestHandler):
    pass


ROUTES = Routes(
    [
        Route("/versions", One),
        Route("/api/tasks/{task_id}", One),
        Route("/api/tasks/{task_id}/events", Two),
        Route("/api/bootactions/{action_id}", One),
        Route("/api/bootactions/nodes/{host}/units", Two),
    ]
)


def found(path):
    match = ROUTES.find(path)
    return match and (match[0].pattern, [arg.decode() for arg in match[1]])


@pytest.mark.parametrize(
    "path", ["/versions", "/versions/", "//versions", "/versions//", "//versions///"]
)
def test_repeated_and_trailing_slashes_do_not_count(path):
    assert found(path) == ("/versions", [])


def test_variable_segments_are_handed_over_decoded():
    assert found("/api/tasks/4f%2D1/events/") == ("/api/tasks/{task_id}/events", ["4f-1"])
    assert found("/api/tasks/n%C3%BC") == ("/api/tasks/{task_id}", ["nü"])


def test_a_fixed_segment_goes_before_a_variable_one():
    assert found("/api/bootactions/nodes/n1/units") == (
        "/api/bootactions/nodes/{host}/units",
        ["n1"],
    )
    assert found("/api/bootactions/01J9") == ("/api/bootactions/{action_id}", ["01J9"])


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "/Versions",
        "/VERSIONS",
        "/api",
        "/api/tasks",
        "/api/tasks/a/b",
        "/api/tasks/..",
        "/api/tasks/.",
        "/api/tasks/%2e%2e",
        "/api/tasks/%2E%2e/events",
        "/api/tasks/a%2Fb",
        "/api/tasks/a%5Cb",
        "/api/tasks/%00",
        "/api/tasks/a%0d%0aX-Evil:1",
        "/api/tasks/%ff",
        "/%76ersions",
        "/api/../versions",
        "/./versions",
    ],
)
def test_every_other_path_is_unknown(path):
    assert found(path) is None


def test_two_routes_for_one_path_are_refused():
    with pytest.raises(ValueError, match="two routes"):
        Routes([Route("/a/{x}", One), Route("/a/{y}", Two)])
