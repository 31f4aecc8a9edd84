import pytest

from drydockd.handlers.accesslog import shown_query


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("wait=5&layers=-1", "wait=5&layers=-1"),
        ("token=abc&x-auth-token=def", "token=***&x-auth-token=***"),
        ("abc", "abc"),
        ("latest", "latest"),
    ],
)
def test_a_query_in_the_log_shows_only_values_of_our_own_names(query, shown):
    assert shown_query(query) == shown
