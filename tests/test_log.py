import ast
import asyncio
import io
import json
import logging
import re
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from drydockd import log as logs

PACKAGE = Path(logs.__file__).parent
KEY = "ab12" * 16
TOKEN = "gAAAAABlongfernettoken"


@pytest.fixture
def lines():
    """Yield a function that sets logging up and returns the buffer it writes to."""
    root, ours = logging.getLogger(), logging.getLogger("drydockd")
    before = (root.handlers[:], root.level, ours.level)

    def start(**options) -> io.StringIO:
        buffer = io.StringIO()
        logs.set_up(stream=buffer, **options)
        return buffer

    yield start
    root.handlers[:], _, _ = before
    root.setLevel(before[1])
    ours.setLevel(before[2])


LOG = logging.getLogger("drydockd.tasks.steps")


def test_a_line_has_time_level_name_ids_and_text(lines):
    buffer = lines()
    with logs.bind(task="4f", node="n1"):
        LOG.info("deploy started on %s", "n1")
    when, rest = buffer.getvalue().split(" ", 1)
    assert when.endswith("+00:00")
    assert rest == "INFO drydockd.tasks.steps [task=4f node=n1] deploy started on n1\n"


def test_json_lines_carry_ids_and_fields(lines):
    buffer = lines(style="json")
    with logs.bind(request_id="r1"):
        LOG.info("Response", extra={"fields": {"status": 200}})
    event = json.loads(buffer.getvalue())
    assert (event["request_id"], event["status"], event["message"]) == ("r1", 200, "Response")


async def test_a_task_started_inside_keeps_the_ids(lines):
    buffer = lines()

    async def later() -> None:
        await asyncio.sleep(0)
        LOG.info("later")

    with logs.bind(task="4f"):
        job = asyncio.create_task(later())
    LOG.info("outside")
    await job
    outside, inside = buffer.getvalue().splitlines()
    assert "task=4f" in inside
    assert "task=" not in outside


def test_names_follow_the_configuration(lines):
    buffer = lines(names={"drydockd": "dd", "drydockd.tasks": "dd.orchestrator"})
    LOG.info("x")
    logging.getLogger("drydockd.app").info("y")
    assert "dd.orchestrator.steps x" in buffer.getvalue()
    assert "dd.app y" in buffer.getvalue()


@pytest.mark.parametrize(
    "text",
    [
        f"X-Auth-Token: {TOKEN}",
        f"{{'X-Bootaction-Key': '{KEY}'}}",
        f"Authorization: Bearer {TOKEN}",
        f"GET http://joe:{TOKEN}@files/x",
        f"password={TOKEN}",
        f"PASSWORD={TOKEN}",
        f"pa\u017f\u017fword={TOKEN}",
        f"token={TOKEN}",
        f'{{"action_key": "{TOKEN}"}}',
        f"node key {KEY} refused",
        f"node key {KEY.upper()} refused",
        "token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl",
    ],
)
def test_what_looks_like_a_secret_is_masked(lines, text):
    buffer = lines()
    LOG.info("seen: %s", text)
    assert "****" in buffer.getvalue()
    for secret in (KEY, KEY.upper(), TOKEN, "eyJ"):
        assert secret not in buffer.getvalue()


SECRETS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=4).filter(
    lambda text: text not in "**** password=" and text.strip()
)


def is_shown(secret, text):
    return secret in text or json.dumps(secret)[1:-1] in text or quote(secret, safe="") in text


@given(SECRETS, SECRETS, st.sampled_from(["{}", "{!r}", "password={}", "x: {}, y", "://joe:{}@h/"]))
def test_no_registered_secret_passes_however_it_is_written(secret, other, form):
    redact = logs.Redaction([secret, secret + other])
    for written in (secret, secret + other, json.dumps(secret), quote(secret, safe="")):
        shown = redact(form.format(written)).replace("****", "")
        before = form.format("")
        assert not is_shown(secret, shown) or is_shown(secret, before)


QUOTED = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1)
BARE = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=4).filter(
    lambda text: not set(text) & set("'\",;)}]&\\")
)
NAMES = st.sampled_from(
    ["password", "X-Auth-Token", "secret", "api_key", "action_key", "PASSWD", "credential"]
)


@given(NAMES, QUOTED)
@example("password", '"<')
@example("password", '\\"<')
@example("password", "\\\\'\"<")
def test_no_quoted_value_of_a_secret_name_passes_blanks_and_commas_included(name, secret):
    secret = f"<{secret}>"
    for text in (json.dumps({name: secret}), json.dumps(json.dumps({name: secret}))):
        assert "<" not in logs.Redaction()(text)


@pytest.mark.parametrize("secret", ["x\\", 'x"', "x\\\\", '\\"'])
def test_the_mask_of_a_quoted_value_ends_where_the_value_does(secret):
    text = json.dumps({"password": secret, "user": "joe"})
    assert logs.Redaction()(text) == '{"password": "****", "user": "joe"}'
    inner = logs.Redaction()(json.dumps(text))
    assert json.loads(inner) == '{"password": "****", "user": "joe"}'


def test_an_escaped_quote_of_a_python_string_does_not_end_its_mask():
    shown = logs.Redaction()(repr({"password": "a'b\"<c", "user": "joe"}))
    assert shown == "{'password': '****', 'user': 'joe'}"


@given(NAMES, BARE, st.sampled_from(["{}={}", "{}: {}", "{}:{}", "{} = {}"]))
def test_no_bare_value_of_a_secret_name_passes(name, secret, form):
    secret = f"<{secret}>"
    assert "<" not in logs.Redaction()(f"before {form.format(name, secret)} behind")


def texts_of_our_errors():
    """Every text that is raised, about a file or an option whose name is that of a secret."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for raised in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(raised, ast.Raise):
                continue
            for text in ast.walk(raised):
                if isinstance(text, ast.JoinedStr):
                    for name in ("/var/lib/drydockd/secret", "keystone_authtoken.password"):
                        yield path, filled_in(text, name)
                elif isinstance(text, ast.Constant) and " " in str(text.value):
                    yield path, text.value


def filled_in(text, name):
    names = iter((name,))
    return "".join(
        part.value if isinstance(part, ast.Constant) else next(names, "something")
        for part in text.values
    )


def test_our_own_sentences_come_through_whole():
    redact = logs.Redaction()
    found = list(texts_of_our_errors())
    assert len(found) > 500
    garbled = [
        f"{path.relative_to(PACKAGE)}: {text!r}: {redact(text)!r}"
        for path, text in found
        # One word behind the name might be anything.
        if redact(text) != text and re.search(r"(secret|password): \S*[^\s,;]\s", text)
    ]
    assert not garbled, "\n".join(garbled)


def test_a_sentence_about_a_secret_is_not_one(lines):
    buffer = lines()
    LOG.error("/var/lib/drydockd/secret: belongs to uid 65534, drydockd runs as uid 0")
    assert "secret: belongs to uid 65534" in buffer.getvalue()


def test_fields_of_a_json_line_are_redacted_too(lines):
    buffer = lines(style="json")
    LOG.info("x", extra={"fields": {"path": f"/x?password={TOKEN}", "ms": 1.5}})
    assert TOKEN not in buffer.getvalue()
    assert json.loads(buffer.getvalue())["ms"] == 1.5


def test_registered_secrets_are_masked_wherever_they_stand(lines):
    buffer = lines(secrets=["correct horse"])
    LOG.error("the phrase correct horse leaked")
    assert "correct horse" not in buffer.getvalue()


def test_a_traceback_is_redacted_too(lines):
    buffer = lines()
    try:
        raise ValueError(f"password: {TOKEN}")
    except ValueError:
        LOG.exception("failed")
    assert "ValueError" in buffer.getvalue()
    assert TOKEN not in buffer.getvalue()


def test_the_fingerprint_of_a_token_is_shown(lines):
    buffer = lines()
    LOG.info('{"event": "authn_login_success", "token": "0a1b2c3d4e5f"}')
    assert "0a1b2c3d4e5f" in buffer.getvalue()


def test_ordinary_lines_are_left_alone(lines):
    buffer = lines()
    LOG.info("task 4f deploy_nodes started")
    assert "****" not in buffer.getvalue()


def test_a_client_cannot_write_lines_of_its_own(lines):
    buffer = lines()
    with logs.bind(end_user="joe\nERROR forged"):
        LOG.info("from %s", "a\r\nERROR forged")
    assert len(buffer.getvalue().splitlines()) == 1


def test_the_level_changes_while_running(lines):
    buffer = lines(level="WARNING")
    LOG.info("one")
    logs.set_level("DEBUG")
    LOG.debug("two")
    assert "one" not in buffer.getvalue()
    assert "two" in buffer.getvalue()


def test_setting_up_again_replaces_the_earlier_handler(lines):
    first = lines()
    second = lines()
    LOG.info("once")
    assert (first.getvalue(), second.getvalue().count("once")) == ("", 1)


@pytest.mark.parametrize("before", ["", "a ", "token-", "x.", "="])
def test_a_signed_token_is_hidden_wherever_it_begins(before):
    token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl"
    assert logs.JWT.sub(r"\1****", f"{before}{token} after") == f"{before}**** after"


def test_a_text_that_begins_a_token_everywhere_is_searched_in_linear_time():
    """A million characters, which would take an hour with a way back for each beginning."""
    text = "eyJ-" * 250_000
    assert logs.JWT.sub("", text) == text


def test_in_the_journal_each_line_has_its_priority_and_no_time_of_its_own(lines):
    buffer = lines(for_journal=True)
    LOG.info("one")
    LOG.warning("two")
    try:
        raise ValueError("three")
    except ValueError:
        LOG.exception("failed")
    first, second, *traceback = buffer.getvalue().splitlines()
    assert first == "<6>INFO drydockd.tasks.steps one"
    assert second == "<4>WARNING drydockd.tasks.steps two"
    assert len(traceback) > 2
    assert all(line.startswith("<3>") for line in traceback)


def test_json_in_the_journal_keeps_its_time_behind_the_priority(lines):
    buffer = lines(for_journal=True, style="json")
    LOG.critical("gone")
    text = buffer.getvalue()
    assert text.startswith("<2>{")
    assert json.loads(text[3:])["ts"].endswith("+00:00")
    assert logs.priority(logging.DEBUG) == "<7>"
