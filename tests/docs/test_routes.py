"""Routes: each is in the table with the rule it asks; each that a document names is served."""

import re
from http import HTTPMethod

from tornado.httputil import HTTPServerRequest, RequestStartLine

from drydockd.auth.rules import NAMES, PREFIX, RULES
from drydockd.handlers import V1, all_routes
from drydockd.handlers.base import NODE_KEY, OPEN
from drydockd.room import server as room
from tests.docs import routes
from tests.docs.pages import codes

API = all_routes(1, 1)
METHODS = "|".join(HTTPMethod)
# "GET /tasks/{id}", "GET bootdata/<host>/files", "`POST /v1/do/<operation>`", "GET tasks?wait=1"
ROUTE = re.compile(rf"((?:(?:{METHODS})[, ]+)+)(/?[a-z][\w.]*[\w/.<>{{}}-]*)")


def test_the_table_is_that_of_the_routes():
    shipped = routes.PAGE.read_text(encoding="utf-8")
    assert shipped == routes.page(), "write it anew: python -m tests.docs"


def test_the_sample_policy_is_that_of_the_rules_and_routes():
    shipped = routes.POLICY.read_text(encoding="utf-8")
    assert shipped == routes.policy(), "write it anew: python -m tests.docs"


def test_every_rule_of_a_route_is_defined_and_every_rule_guards_something():
    asked = {PREFIX + rule for _, _, rule in routes.served() if rule not in (OPEN, NODE_KEY)}
    assert asked <= NAMES, "define it in drydockd/auth/rules.py"
    assert {rule.name for rule in RULES if not rule.note} == asked


def test_every_route_says_in_a_line_what_it_is_for():
    for method, route, _ in routes.served():
        assert route.handler.about.get(method, ""), f"{route.handler.__name__}.about: {method}"


def test_every_route_that_a_document_names_is_served():
    wrong = [
        f"{code.where}: nothing serves {method} {path}"
        for code in codes()
        for methods, path in ROUTE.findall(code.text)
        for method in re.findall(r"\w+", methods)
        if not (is_of_the_api(method, path) or is_of_the_room(method, path))
    ]
    assert not wrong, "\n".join(wrong)


def example(path: str) -> str:
    """The path with something in the place of each variable part."""
    return "/" + re.sub(r"<[^>]*>|\{[^}]*\}|\bID\b", "x", path).strip("/.")


def is_of_the_api(method: str, path: str) -> bool:
    for base in ("", V1):
        found = API.find(base + example(path))
        if found is not None and method in {*found[0].handler.policy, "HEAD", "OPTIONS"}:
            return True
    return False


def is_of_the_room(method: str, path: str) -> bool:
    app = room.make_app(None)
    line = RequestStartLine(method, example(path), "HTTP/1.0")
    request = HTTPServerRequest(start_line=line)
    handler = app.find_handler(request).handler_class
    return handler is not room.UnknownHandler and method.lower() in vars(handler)
