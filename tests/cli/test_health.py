"""drydock health."""

import json

import pytest

from tests.api.examples import HEALTH

V1 = "/api/v1.0"


@pytest.mark.parametrize(("status", "text", "code"), [(204, "healthy", 0), (503, "unhealthy", 1)])
def test_health_is_a_word_and_an_exit_status(drydock, server, status, text, code):
    server.answers[f"GET {V1}/health"] = (status, None)
    result = drydock("health")
    assert (result.stdout, result.exit_code) == (f"{text}\n", code)


@pytest.mark.parametrize(("code", "word", "end"), [(200, "Success", 0), (503, "Failure", 1)])
def test_extended_health_is_the_status_object(drydock, server, code, word, end):
    body = HEALTH | {"status": word, "code": code}
    server.answers[f"GET {V1}/health/extended"] = (code, body)
    result = drydock("health", "--extended")
    assert (json.loads(result.stdout), result.exit_code) == (body, end)
    assert server.asked[0].headers["X-Auth-Token"] == "t0ken"


def test_plain_health_needs_no_login(drydock, server):
    server.answers[f"GET {V1}/health"] = (204, None)
    result = drydock("--url", server.url, "--os_username", "x", "health", url=False)
    assert result.exit_code == 0


def test_a_server_that_is_down_is_status_1(drydock, server):
    server.answers[f"GET {V1}/health"] = (500, {"message": "broken"})
    assert drydock("health").exit_code == 1


@pytest.mark.parametrize(
    ("plain", "error", "word"), [(503, True, "unhealthy"), (204, False, "healthy")]
)
def test_health_says_what_is_wrong_and_what_is_only_degraded(drydock, server, plain, error, word):
    said = {"message": "Unable to connect to database", "error": error, "kind": "SimpleMessage"}
    full = said | {"cause": "the store cannot be written: disk full"}
    body = HEALTH | {"details": {"errorCount": int(error), "messageList": [full, said]}}
    server.answers[f"GET {V1}/health"] = (plain, None)
    server.answers[f"GET {V1}/health/extended"] = (503 if error else 200, body)
    assert drydock("health").stdout.splitlines() == [
        word,
        "Unable to connect to database: the store cannot be written: disk full",
        "Unable to connect to database",
    ]


def test_who_may_not_see_the_cause_is_told_so_and_still_gets_the_word(drydock, server):
    server.answers[f"GET {V1}/health"] = (503, None)
    server.answers[f"GET {V1}/health/extended"] = (403, {"message": "Forbidden"})
    result = drydock("health")
    assert (result.stdout, result.exit_code) == ("unhealthy\n", 1)
    assert "What is wrong cannot be asked: Forbidden" in result.stderr
