"""Errors as answers: which status code, and whether to try again."""

import pytest
from tornado.web import HTTPError

from drydockd import errors
from drydockd.handlers.refusals import error_body, message_of, status_of


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.InvalidDesign("x"), (400, False)),
        (errors.Unauthenticated(), (401, False)),
        (errors.Forbidden("x"), (403, False)),
        (errors.NotFound("x"), (404, False)),
        (errors.Conflict("x"), (409, False)),
        (errors.Gone("x"), (410, False)),
        (errors.TooLarge("x"), (413, False)),
        (errors.StoreUnavailable("x"), (503, True)),
        (errors.StoreStale("x"), (503, True)),
        (errors.SourceUnavailable("x"), (503, True)),
        (errors.DriverTransient("x"), (503, True)),
        (errors.DriverPersistent("x"), (500, False)),
        (errors.RenderError("x"), (500, False)),
        (HTTPError(405), (405, False)),
        (KeyError("x"), (500, False)),
    ],
)
def test_the_table_of_status_codes(error, status):
    assert status_of(error) == status


def test_what_is_unknown_says_nothing_of_its_cause():
    assert message_of(KeyError("secret"), 500) == "Unknown error"
    assert b'retry":true' in error_body("x", retry=True)
