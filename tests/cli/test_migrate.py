"""`drydock migrate`: what it says, what it writes, and what it leaves alone."""

import asyncio
import re
from dataclasses import dataclass
from urllib.parse import quote

import pytest
import yaml
from click.testing import CliRunner

from drydockd.cli.migrate import command
from drydockd.store.tiny import open_tiny
from tests.migrate.original import KEYS, lived_in, odd, site
from tests.peers.postgres import PASSWORD

CONF = """\
[DEFAULT]
poll_interval = 5
[database]
database_connect_string = {url}
[plugins]
oob_driver = drydock_provisioner.drivers.oob.manual_driver.driver.ManualDriver
[keystone_authtoken]
auth_url = http://keystone/v3
username = drydock
password = keystone-secret-5
[maasdriver]
maas_api_key = a:b:c-secret
[oslo_policy]
policy_file = rules.yaml
"""


@dataclass
class Old:
    """An original's folder, and where drydockd is to be."""

    folder: object
    url: str = ""

    @property
    def conf(self):
        return self.folder / "drydock.conf"

    @property
    def output(self):
        return self.folder / "drydockd.yaml"

    @property
    def state(self):
        return self.folder / "state"

    def run(self, *arguments, **environ):
        where = ("--from-conf", self.conf, "--output", self.output, "--state-dir", self.state)
        return CliRunner().invoke(
            command, [str(word) for word in (*where, *arguments)], env=environ
        )


@pytest.fixture
def old(tmp_path):
    (tmp_path / "drydock.conf").write_text(CONF.format(url=f"postgresql://d:{PASSWORD}@pg/d"))
    (tmp_path / "rules.yaml").write_text('"physical_provisioner:read_task": "role:reader"\n')
    return Old(tmp_path)


@pytest.fixture
def moved(old, postgres):
    """One with a database, that holds odd rows too."""

    async def fill():
        async with site(postgres) as some:
            await odd(some, await lived_in(some))

    asyncio.run(fill())
    old.url = postgres.url
    old.conf.write_text(CONF.format(url=postgres.url))
    return old


def content(folder):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def kept(state):
    """What the records say, in a form that two stores can be compared in."""

    async def read():
        store = await open_tiny(state)
        tables = store._tables
        rows = {name: dict(sorted(rows.items())) for name, rows in tables.rows.items()}
        said = {task_id: store.messages(task_id) for task_id in sorted(tables.logs)}
        await store.close()
        return rows, said

    return asyncio.run(read())


def no_secrets(text):
    for secret in (PASSWORD, "keystone-secret-5", "c-secret", *(k.hex() for k in KEYS.values())):
        assert secret not in text


def test_without_a_database_the_configuration_and_the_policy_are_taken_over(old):
    result = old.run()
    assert result.exit_code == 0, result.output
    assert yaml.safe_load(old.output.read_text())["DEFAULT"] == {"poll_interval": 5}
    assert "#service_hosts" in old.output.read_text()
    assert old.output.stat().st_mode & 0o777 == 0o600
    assert "physical_provisioner:read_task is role:reader, by default role:admin" in result.output
    assert "no records: --database-url" in result.output
    assert not old.state.exists()
    no_secrets(result.output)


def test_a_dry_run_says_everything_and_changes_nothing(moved):
    before = content(moved.folder)
    result = moved.run("--dry-run", "--database-url", moved.url)
    assert result.exit_code == 0, result.output
    assert content(moved.folder) == before
    assert not moved.state.exists()
    assert "#service_hosts: ['deckhand.site:9000']" in result.output
    assert re.search(r"^  tasks +20 +14 +0 +6$", result.output, re.MULTILINE)
    assert re.search(r"^  build data +9 +4 +0 +5$", result.output, re.MULTILINE)
    assert "1 tasks: status 'sleeping' is unknown here (" in result.output
    assert result.output.endswith("nothing was changed\n")
    assert "password: ***" in result.output
    assert "maas_api_key: ***" in result.output
    no_secrets(result.output)


def test_it_says_the_same_when_it_does_it_and_doing_it_twice_changes_nothing(moved):
    said = moved.run("--dry-run", "--database-url", moved.url).output
    result = moved.run("--database-url", moved.url)
    assert result.exit_code == 0, result.output
    numbers = re.findall(r"^  (?:tasks|messages|boot keys|boot actions|build data) .*", said, re.M)
    assert len(numbers) == 5
    for line in numbers:
        assert line in result.output
    first, configuration = kept(moved.state), moved.output.read_bytes()
    again = moved.run("--database-url", moved.url)
    assert again.exit_code == 0, again.output
    assert f"{moved.output} is this already" in again.output
    assert re.search(r"^  tasks +20 +0 +14 +6$", again.output, re.MULTILINE)
    assert (kept(moved.state), moved.output.read_bytes()) == (first, configuration)
    no_secrets(result.output + again.output)


def test_the_database_may_be_named_by_the_configuration_or_the_environment(moved):
    for arguments, environ in (
        (["--database-from-conf"], {}),
        ([], {"DRYDOCK_DB_URL": moved.url}),
    ):
        result = moved.run("--dry-run", *arguments, **environ)
        assert result.exit_code == 0, result.output
        assert re.search(r"^  tasks +20 ", result.output, re.MULTILINE)
        no_secrets(result.output)


def test_beside_a_daemon_only_a_dry_run_is_possible(moved):
    async def beside():
        store = await open_tiny(moved.state)
        try:
            return [
                await asyncio.to_thread(moved.run, *more, "--database-url", moved.url)
                for more in ((), ("--dry-run",))
            ]
        finally:
            await store.close()

    refused, dry = asyncio.run(beside())
    assert refused.exit_code == 1
    assert "is in use by process" in refused.output
    assert not moved.output.exists()
    assert dry.exit_code == 0, dry.output


def test_a_configuration_that_is_there_stays(old):
    old.output.write_text("api: {listen: 127.0.0.1:9000}\n")
    result = old.run()
    assert result.exit_code == 0
    assert "is there and is not this; it stays as it is" in result.output
    assert old.output.read_text() == "api: {listen: 127.0.0.1:9000}\n"


def test_a_policy_with_which_it_would_not_start_is_told(old):
    (old.folder / "rules.yaml").write_text("- nonsense")
    result = old.run("--dry-run")
    assert result.exit_code == 0
    assert "drydockd would not start with it" in result.output


def test_a_lost_secret_is_not_replaced_behind_anybodys_back(moved):
    assert moved.run("--database-url", moved.url).exit_code == 0
    (moved.state / "secret").unlink()
    result = moved.run("--database-url", moved.url)
    assert result.exit_code == 1
    assert "new-secret" in result.output


def test_an_original_that_is_at_work_is_warned_of(moved, postgres):
    postgres.run("INSERT INTO active_instance VALUES (1, '', now() AT TIME ZONE 'utc')")
    result = moved.run("--dry-run", "--database-url", moved.url)
    assert "WARNING the original said" in result.output


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--database-url", f"postgresql://d:{quote(PASSWORD, '')}@127.0.0.1:1/d"], "127.0.0.1"),
        (["--database-url", f"postgresql://d:{PASSWORD}@127.0.0.1:1/d"], "written as %2F"),
        (["--database-url", f"mysql://d:{PASSWORD}@h/d"], "postgresql://USER"),
    ],
)
def test_a_database_that_does_not_answer_leaves_everything_as_it_was(old, arguments, text):
    before = content(old.folder)
    result = old.run(*arguments)
    assert result.exit_code == 1
    assert text in result.output
    assert content(old.folder) == before
    no_secrets(result.output)


@pytest.mark.parametrize(
    ("conf", "text"), [(b"[api]\nwhat is this\n", "line 2"), (b"\xff\xfe", "not UTF-8")]
)
def test_a_file_that_is_none_of_the_originals_is_said(old, conf, text):
    old.conf.write_bytes(conf)
    result = old.run()
    assert result.exit_code == 1
    assert text in result.output


def test_a_file_without_a_database_is_said(old):
    old.conf.write_text("[DEFAULT]\n")
    result = old.run("--database-from-conf")
    assert result.exit_code == 1
    assert "has no [database] database_connect_string" in result.output
