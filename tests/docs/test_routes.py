"""Routes: each is in the table with the rule it asks; each that a document names is served."""

import re
from http import HTTPMethod

from tornado.httputil import HTTPServerRequest, RequestStartLine

from drydockd.handlers import V1, all_routes
from drydockd.handlers.base import NODE_KEY, OPEN
from drydockd.room import server as room
from tests.docs.pages import codes, rows

API = all_routes(1, 1)
WORDS = {"anybody": OPEN, "node key": NODE_KEY}
METHODS = "|".join(HTTPMethod)
# "GET /tasks/{id}", "GET bootdata/<host>/files", "`POST /v1/do/<operation>`", "GET tasks?wait=1"
ROUTE = re.compile(rf"((?:(?:{METHODS})[, ]+)+)(/?[a-z][\w.]*[\w/.<>{{}}-]*)")


def served() -> set[tuple[str, str, str]]:
    return {
        (method, route.pattern, rule)
        for route in API.all
        for method, rule in route.handler.policy.items()
    }


def test_the_table_holds_every_route_with_its_rule_and_no_other():
    written = set()
    for row in rows("Route", "Rule"):
        ((method, pattern),) = (text.split() for text in row.code("Route"))
        rule = row.cells["Rule"].strip("`")
        written.add((method, pattern, WORDS.get(rule, rule)))
    assert written == served()


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
