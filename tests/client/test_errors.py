"""Errors carry the real code and the server's words."""

from drydockd.client import ClientError, ClientForbiddenError, ClientUnauthorizedError


def test_unauthorized_and_forbidden_are_client_errors():
    assert issubclass(ClientUnauthorizedError, ClientError)
    assert issubclass(ClientForbiddenError, ClientError)


def test_the_reason_is_what_the_server_said_in_one_line():
    assert ClientError("m", 409, {"title": "409 Conflict", "description": "a\nb"}).reason == "a b"
    assert ClientError("m", 404, {"message": "Task x does not exist"}).reason.startswith("Task x")
    assert ClientError("no\nanswer").reason == "no answer"
    assert ClientError("m", 500, "<html>").reason == "m"


def test_why_nobody_is_known_is_said_with_a_401():
    body = {"message": "Unauthenticated", "description": "X-Auth-Token: the token expired 2 h ago"}
    told = ClientUnauthorizedError("m", 401, body).reason
    assert told == "Unauthenticated: X-Auth-Token: the token expired 2 h ago"
    assert ClientUnauthorizedError("m", 401, {"message": "Unauthenticated"}).reason == (
        "Unauthenticated"
    )


def test_a_path_that_nobody_knows_is_told_as_the_url():
    for body in ({"message": "Not Found"}, "<html>", {"error": {"code": 404}}, None):
        assert ClientError("http://x is not there", 404, body).reason == "http://x is not there"
