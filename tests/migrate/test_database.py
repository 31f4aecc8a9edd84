import pytest

from drydockd.errors import InvalidInput, Unavailable
from drydockd.migrate.database import Original
from tests.migrate.original import SCHEMA
from tests.peers.certificates import Authority
from tests.peers.postgres import PASSWORD


async def asked(url):
    async with Original.opened(url) as original:
        return await original.is_encrypted()


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("mysql://u:hunter2@h/d", "must be postgresql://"),
        ("postgresql://u:hunter2/@h/d", "written as %2F"),
        ("u:hunter2@h/d", "must be postgresql://"),
        ("postgresql://u:hunter2@127.0.0.1:1/d", "127.0.0.1"),
        ("postgresql://u:hunter2@127.0.0.1:1/d?sslmode=hunter2", "sslmode"),
        ("postgresql://u:hunter2@127.0.0.1:1/d?sslmode=verify-ca&sslrootcert=/no", "/no"),
    ],
)
async def test_a_url_that_leads_nowhere_is_said_without_the_password(url, text):
    with pytest.raises((InvalidInput, Unavailable), match=text) as found:
        await asked(url)
    assert "u:hunter2" not in str(found.value)
    assert found.value.__cause__ is None


async def test_a_wrong_password_is_said_and_not_shown(postgres):
    url = postgres.url.replace(postgres.url.split("@")[0].rpartition(":")[2], "wrong-secret")
    with pytest.raises(Unavailable, match="password authentication failed") as found:
        await asked(url)
    assert "wrong-secret" not in str(found.value)


async def test_sslmode_is_as_libpq_has_it(postgres, postgres_server, tmp_path):
    postgres.run(SCHEMA)
    ca, other = postgres_server.ca, Authority(tmp_path).file
    assert await asked(postgres.url)  # prefer
    assert await asked(f"{postgres.url}?sslmode=require")
    assert not await asked(f"{postgres.url}?sslmode=disable")
    assert await asked(f"{postgres.url}?sslmode=verify-full&sslrootcert={ca}")
    with pytest.raises(Unavailable, match="CERTIFICATE_VERIFY_FAILED") as found:
        await asked(f"{postgres.url}?sslmode=verify-full&sslrootcert={other}")
    assert PASSWORD not in str(found.value)


async def test_the_sqlalchemy_spelling_and_a_unix_socket_do_as_well(postgres):
    postgres.run(SCHEMA)
    assert await asked(postgres.url.replace("postgresql://", "postgresql+psycopg2://"))
    assert not await asked(postgres.socket_url)


async def test_a_database_of_somebody_else_is_refused(postgres):
    with pytest.raises(InvalidInput, match="no table tasks"):
        await asked(postgres.url)
    postgres.run("CREATE TABLE tasks (task_id bytea, title text)")
    with pytest.raises(InvalidInput, match="table tasks has no parent_task_id, "):
        await asked(postgres.url)


async def test_nothing_can_be_written_by_it(postgres):
    postgres.run(SCHEMA)
    async with Original.opened(postgres.url) as original:
        with pytest.raises(Exception, match="read-only transaction"):
            await original._connection.execute("DELETE FROM tasks")


async def test_an_original_that_is_at_work_says_so(postgres):
    postgres.run(SCHEMA)
    async with Original.opened(postgres.url) as original:
        assert await original.seconds_since_alive() is None
    postgres.run(
        "INSERT INTO active_instance VALUES (1, '', (now() AT TIME ZONE 'utc') - interval '7 s')"
    )
    async with Original.opened(postgres.url) as original:
        assert 7 <= await original.seconds_since_alive() < 3600


async def test_without_the_library_it_says_how_it_is_installed(monkeypatch):
    def absent(name):
        raise ModuleNotFoundError(name)

    monkeypatch.setattr("drydockd.migrate.database.import_module", absent)
    with pytest.raises(InvalidInput, match=r"pip install 'drydockd\[migrate\]'"):
        await asked("postgresql://h/d")
