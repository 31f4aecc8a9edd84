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
