"""When certificates end: read from files, told in time."""

from datetime import UTC, datetime, timedelta

import pytest

from drydockd.auth.certificates import read_expiries, read_expiry
from tests.auth.helpers import certificate

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def a_certificate(name, days):
    return certificate(name, NOW + timedelta(days=days))[0]


@pytest.mark.parametrize(
    ("days", "problem"),
    [
        (100, None),
        (13, "CN=drydock.example expires 2026-06-14T00:00:00+00:00"),
        (0, "CN=drydock.example expired 2026-06-01T00:00:00+00:00"),
        (-1, "CN=drydock.example expired 2026-05-31T00:00:00+00:00"),
    ],
)
def test_the_end_of_a_certificate_is_told_in_time(tmp_path, days, problem):
    path = tmp_path / "tls.pem"
    path.write_bytes(a_certificate("drydock.example", days))
    expiry = read_expiry("api.certfile", path)
    assert expiry.seconds_left(NOW) == days * 86400
    assert expiry.problem(NOW) == (problem and f"api.certfile: {path}: {problem}")


def test_the_earliest_of_a_bundle_counts(tmp_path):
    path = tmp_path / "ca.pem"
    path.write_bytes(a_certificate("late", 300) + a_certificate("early", 3))
    assert "early" in read_expiry("keystone_authtoken.cafile", path).problem(NOW)


def test_a_missing_and_a_wrong_file_are_problems_too(tmp_path):
    (tmp_path / "empty.pem").write_text("nothing")
    gone, empty = read_expiries({"a": tmp_path / "gone.pem", "b": tmp_path / "empty.pem"})
    assert gone.problem() == f"a: {gone.path}: cannot be read: No such file or directory"
    assert empty.problem() == f"b: {empty.path}: holds no PEM certificate"
    assert gone.seconds_left() is None
