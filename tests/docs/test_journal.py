"""The journal: every query of the page works on a host as installed; a line has what it says."""

import json
import logging
import re

import pytest

from drydockd import log as logs
from tests.docs.pages import ROOT, rows
from tests.docs.typed import missing, steps
from tests.peers.guest import CONFIGURATION

PAGE = ROOT / "docs" / "journal.md"
# As docs/install.md has it typed.
LOGIN = """\
export DD_URL=https://localhost:9000 SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
export OS_TOKEN=$(drydock token create --user "$(id -un)" --role admin --ttl 1h)
"""
NEXT = "the next block"
WORK = (
    "drydock task create --design-ref file:///srv/designs/site.yaml --action validate_design"
    " --block >/dev/null\n"
)


def test_the_ids_of_the_page_are_those_of_a_line():
    written = {name for row in rows("Id", "Says") for name in row.code("Id")}
    assert written == set(logs.IDS)


def test_the_priorities_of_the_page_are_those_of_a_line():
    (said,) = re.findall(r"`PRIORITY` \(([^)]*)\)", PAGE.read_text(encoding="utf-8"))
    written = dict(pair.split() for pair in said.split(", "))
    levels = logging.getLevelNamesMapping()
    assert written == {name: logs.priority(levels[name]).strip("<>") for name in written}
    assert len(written) == 4


@pytest.fixture(name="host")
def host_that_is_left_as_it_was(host):
    host.run("systemctl start drydockd.socket drydockd.service")
    yield host
    host.write(CONFIGURATION, host.plain)
    host.run(
        "rm -f /etc/systemd/system/drydockd.service.d/log.conf\n"
        "systemctl daemon-reload\nsystemctl restart drydockd.service"
    )


@pytest.mark.slow
def test_every_query_of_the_page_finds_what_it_shows(host):
    page = steps(PAGE.read_text(encoding="utf-8"))
    typed = "".join(f"echo '{NEXT}'\njournalctl --sync\n{step.commands}" for step in page)
    said = host.run(f"set -e\n{LOGIN}{WORK}{typed}", seconds=300).split(f"{NEXT}\n")[1:]
    for step, text in zip(page, said, strict=True):
        assert not missing(step.shown, text), f"{PAGE.name}:{step.line}\n{text[-3000:]}"


@pytest.mark.slow
def test_an_entry_of_the_journal_has_the_fields_that_the_page_names(host):
    text = "\n".join(
        line for line in PAGE.read_text(encoding="utf-8").splitlines() if "`ts`" in line
    )
    host.write(CONFIGURATION, host.plain + "logging:\n  format: json\n")
    host.run("systemctl restart drydockd.service")
    host.run(LOGIN + "drydock task list >/dev/null; journalctl --sync")
    said = host.run("journalctl -u drydockd --output json --no-pager -n 200")
    entries = [json.loads(line) for line in said.splitlines()]
    (request,) = [
        e for e in entries if '"path": "/api/v1.0/tasks"' in e["MESSAGE"] and "ms" in e["MESSAGE"]
    ][-1:]
    assert request["PRIORITY"] == "6"
    assert request["SYSLOG_IDENTIFIER"] == "drydockd"
    assert request["_SYSTEMD_UNIT"] == "drydockd.service"
    told = json.loads(request["MESSAGE"])
    named = set(re.findall(r"`(\w+)`", text)) - {"logging"}
    assert named == told.keys() - set(logs.IDS)
    assert {"request_id", "user"} <= told.keys()
