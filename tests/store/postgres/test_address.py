"""URLs: what of them may be shown, and what is none."""

import pytest

from drydockd.errors import InvalidInput
from drydockd.store.postgres.address import dsn, parse, place, shown_url, without_secrets


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://u:p%2Fq@h:5432/d", "postgresql://u@h:5432/d"),
        ("postgres+psycopg2://u:p@h/d", "postgresql://u@h/d"),
        (
            "postgresql://u:p@h1:5432,h2/d?target_session_attrs=read-write",
            "postgresql://u@h1:5432,h2/d?target_session_attrs=read-write",
        ),
        ("postgresql://u@[2001:db8::1]:5432/d", "postgresql://u@[2001:db8::1]:5432/d"),
        ("postgresql:///d?host=/run/pg&password=p&sslpassword=q", "postgresql:///d?host=/run/pg"),
        ("postgresql://h/d", "postgresql://h/d"),
        ("postgresql+psycopg2://u:p@[::1]/d", "postgresql://u@[::1]/d"),
        (
            "postgresql://u@h/d?sslmode=verify-full&sslrootcert=/ca&sslpassword=p",
            "postgresql://u@h/d?sslmode=verify-full&sslrootcert=/ca",
        ),
    ],
)
def test_a_url_is_shown_without_what_is_secret(url, shown):
    assert shown_url(url) == shown
    assert str(parse(url)) == shown


@pytest.mark.parametrize(
    "url",
    [
        "mysql://u:p5x@h/d",
        "p5x",
        "postgresql://u:p5x/q@h/d",
        "postgresql://u:p5x@q@h/d",
        "postgresql://u:p5x#q@h/d",
        "postgresql://u:p5x?q@h/d",
        "postgresql://u:p5x[q@h/d",
        "postgresql://u:p5x@h:port/d",
    ],
)
def test_of_what_is_no_url_nothing_is_repeated(url):
    with pytest.raises(InvalidInput) as caught:
        parse(url)
    assert "p5x" not in str(caught.value)
    assert shown_url(url) == place(url) == "(a URL that cannot be read)"
    assert without_secrets("u:p5x is wrong", url) == "cannot be read"


def test_where_it_is_is_shown_without_who_and_options():
    assert place("postgresql://me:p@one:5432,two:5433/db?sslmode=disable") == "one:5432,two:5433/db"
    assert place("postgresql://me@/db?host=/run/pg&port=1") == "/run/pg/db"


@pytest.mark.parametrize("said", ["p/q", "p%2Fq"])
def test_a_password_is_taken_out_of_what_is_said_however_it_is_spelt(said):
    assert without_secrets(f"no user {said}!", "postgresql://u:p%2Fq@h/d") == "no user ***!"
    assert without_secrets(f"no {said}!", "postgresql://h/d?password=p%2Fq") == "no ***!"


def test_libraries_get_the_scheme_they_know():
    assert dsn("postgres+asyncpg://u:p@h/d") == "postgresql://u:p@h/d"


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("postgresql://u@h/a%20b", "a b"),
        ("postgresql://u@h/?dbname=c", "c"),
        ("postgresql://u@h", "u"),
    ],
)
def test_the_name_of_the_database(url, name):
    assert parse(url).name == name
