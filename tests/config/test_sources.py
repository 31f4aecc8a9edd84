import pytest

from drydockd.config.schema import Schema
from drydockd.config.sources import Gathered, Mistake, read_environment, read_file


@pytest.fixture
def read(tmp_path):
    def read(text: str) -> Gathered:
        path = tmp_path / "c.yaml"
        path.write_text(text)
        gathered = Gathered()
        read_file(path, gathered)
        return gathered

    return read


def test_each_value_knows_its_line(read):
    gathered = read("api:\n  listen: a:1\n\n  idle_timeout: 3\n")
    assert gathered.values["api"]["idle_timeout"].origin.endswith("c.yaml:4")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("api: {", "not YAML"),
        ("- api", "must be a mapping of sections"),
        ("api: 5", "must be a mapping of options"),
        ("api: {listen: 'a:1', listen: 'b:2'}", "is given twice"),
        ("api: {}\napi: {}", "section is given twice"),
        ("api: {}\n---\nlog: {}", "not YAML"),
        ("api: {listen: !!python/object:os.system x}", "not YAML"),
    ],
)
def test_what_is_not_a_configuration_is_a_mistake(read, text, problem):
    assert problem in str(read(text).mistakes[0])


def test_an_empty_section_is_fine(read):
    gathered = read("api:\nlimits: {}\n")
    assert not gathered.mistakes


def test_section_names_may_be_upper_case(read):
    assert read("DEFAULT: {poll_interval: 3}").values["default"]["poll_interval"].value == 3


def test_text_options_stay_text_and_others_are_read_as_yaml():
    gathered = Gathered()
    environ = {
        "DRYDOCKD_AUTH__JWT_ISSUER": "5",
        "DRYDOCKD_METRICS__ENABLED": "no",
        "DRYDOCKD_KEYSTONE_AUTHTOKEN__PASSWORD": "1234",
        "DRYDOCKD_STORE__RETENTION_DAYS": "null",
        "OTHER": "x",
    }
    read_environment(environ, gathered, Schema())
    values = {
        f"{s}.{o}": g.value for s, options in gathered.values.items() for o, g in options.items()
    }
    assert values == {
        "auth.jwt_issuer": "5",
        "metrics.enabled": False,
        "keystone_authtoken.password": "1234",
        "store.retention_days": None,
    }


def test_a_mistake_reads_as_where_what_why():
    mistake = Mistake("f:3", "api", "listen", "is odd", "5", "6")
    assert str(mistake) == "f:3: api.listen: is odd (got 5); did you mean 6?"
