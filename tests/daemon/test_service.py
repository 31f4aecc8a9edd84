"""The shipped units on a real host, as docs/install.md leaves it: what the first hour shows."""

import json
import time

import pytest

from tests.peers.guest import CONFIGURATION

pytestmark = pytest.mark.slow

STATE = "/var/lib/drydockd"
VERSIONS = "curl --insecure --silent --show-error --max-time 20 https://localhost:9000/versions"


def _settled(host):
    """Have the host as the page leaves it, before a test and after it."""
    settle(host)
    yield host
    settle(host)


def settle(host):
    host.write(CONFIGURATION, host.plain)
    host.run(
        "systemctl reset-failed drydockd.service drydockd.socket || true\n"
        "systemctl start drydockd.socket drydockd.service"
    )


@pytest.fixture(name="host")
def host_as_installed(host):
    yield from _settled(host)


def journal(host, *, since, unit="drydockd.service"):
    """Return the entries of the unit since a cursor, as dictionaries."""
    host.run("journalctl --sync")
    # Not with --unit: the first entry of that would be left out, as if the cursor were at it.
    said = host.run(f"journalctl --output json --no-pager --after-cursor '{since}'")
    entries = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    return [e for e in entries if unit in (e.get("UNIT"), e.get("_SYSTEMD_UNIT"))]


def now(host):
    """Return the cursor of the journal's last entry."""
    host.run("journalctl --sync")
    return host.run("journalctl --no-pager -n 1 --show-cursor").split("-- cursor: ")[1].strip()


def states(host):
    said = host.run("systemctl is-active drydockd.socket drydockd.service", code=None)
    return said.split()


def spoil(host):
    host.write(CONFIGURATION, host.plain + "timeout: {}\nlogging: {log_lvel: DEBUG}\n")


def test_a_mistake_in_the_configuration_is_said_once_and_clients_are_refused_at_once(host):
    # Given a service that is down, and a configuration with mistakes
    host.run("systemctl stop drydockd.socket drydockd.service")
    spoil(host)
    since = now(host)
    # When its socket is opened and a client comes
    host.run("systemctl start drydockd.socket")
    began = time.monotonic()
    host.fails(VERSIONS)
    waited = time.monotonic() - began
    # Then both mistakes are in the journal, once, nothing loops, and nobody hangs.
    assert states(host) == ["inactive", "failed"]
    entries = journal(host, since=since)
    said = [entry["MESSAGE"] for entry in entries]
    assert len([text for text in said if "timeout" in text and "did you mean" in text]) == 1
    assert len([text for text in said if "log_lvel" in text]) == 1
    assert len([text for text in said if text.startswith("Starting drydockd")]) == 1, said
    assert waited < 20  # its own --max-time would end it then
    began = time.monotonic()
    assert "connect" in host.fails(VERSIONS)
    # And when it is mended, one command brings both back.
    host.write(CONFIGURATION, host.plain)
    host.run("systemctl start drydockd.service")
    assert states(host) == ["active", "active"]


def test_a_start_that_fails_for_another_reason_is_given_up_soon(host):
    # Given a state directory that somebody else has
    host.run("systemctl stop drydockd.socket drydockd.service")
    host.run(
        f"systemd-run --quiet --unit holder flock {STATE}/lock sleep 1000\n"
        f"until ! flock --nonblock {STATE}/lock true; do sleep 0.1; done"
    )
    since = now(host)
    try:
        host.fails("systemctl start drydockd.service")
        # When systemd has tried as often as it may
        host.run(
            "until [ $(systemctl show -p Result --value drydockd.socket) = "
            "service-start-limit-hit ]; do curl --silent --insecure --max-time 9 "
            "https://localhost:9000/versions || sleep 0.2; done"
        )
    finally:
        host.run("systemctl stop holder")
    # Then it stands still.
    starts = [e for e in journal(host, since=since) if e["MESSAGE"].startswith("Starting drydockd")]
    assert 1 < len(starts) <= 6, starts
    assert states(host) == ["failed", "failed"]


def test_a_repair_wants_the_socket_stopped_too_and_says_both_units(host):
    host.run("systemctl stop drydockd.service")
    said = host.fails(f"drydock store repair --state-dir {STATE}")
    assert "drydockd.socket must be stopped" in said
    assert "systemctl stop drydockd.socket drydockd.service" in said
    for command in ("new-secret", "restore /root/drydockd-backup.tar.gz"):
        assert "drydockd.socket must be stopped" in host.fails(f"drydock store {command}")
    # When it is done as it says
    host.run("systemctl stop drydockd.socket drydockd.service")
    assert "nothing to repair" in host.run(f"drydock store repair --state-dir {STATE}")
    # Another folder is not the unit's business.
    host.run("systemctl start drydockd.service")
    assert "holds no records" in host.fails(
        "install -d -m 0700 /root/else && drydock store repair --state-dir /root/else"
    )


def test_tokens_are_minted_by_root_and_by_the_services_user(host):
    for who in ("", "runuser -u drydockd -- "):
        token = host.run(f"{who}drydock token create --user ann --role admin").strip()
        answer = (
            f"curl --insecure --silent --fail -H 'X-Auth-Token: {token}' https://localhost:9000"
        )
        host.run(f"{answer}/api/v1.0/tasks")
        assert "accepted" in host.run(f"{who}drydock token inspect {token}")
    # Root makes the first one too, and the daemon may read what it made.
    host.run(f"systemctl stop drydockd.socket drydockd.service; rm {STATE}/jwt.secret")
    token = host.run("drydock token create --user ann --role admin").strip()
    assert host.run(f"stat --format %U:%a {STATE}/jwt.secret").strip() == "drydockd:600"
    host.run("systemctl start drydockd.service")
    host.run(
        f"curl --insecure --silent --fail -H 'X-Auth-Token: {token}' https://localhost:9000/api/v1.0/tasks"
    )


def test_root_may_check_the_configuration_of_the_daemon(host):
    # With the credentials of the unit, which this shell does not have.
    assert "the configuration is good" in host.run("drydock config check")
    shown = host.run("drydock config show")
    assert "password: '****'  # credential keystone_authtoken.password" in shown
    host.run("chmod o+r /etc/drydockd/secrets/keystone-password")
    assert "mode 0604" in host.run("drydock config check")
    host.run("chmod o= /etc/drydockd/secrets/keystone-password")


def test_a_reload_serves_the_new_certificate_and_counts_its_days(host):
    serial = "openssl x509 -noout -serial -enddate"
    served = f"openssl s_client -connect localhost:9000 </dev/null 2>/dev/null | {serial}"
    before = host.run(served)
    metrics = "curl --insecure --silent https://localhost:9000/metrics"
    ends = f"{metrics} | grep '^drydock_certificate_expiry'"
    end_before = host.run(ends)
    # When a new key and certificate are put in place, nothing changes yet
    renew(host, 20)
    assert host.run(served) == before
    assert host.run(ends) == end_before
    host.run("systemctl reload drydockd.service")
    # Then new connections get it, and the metric is of it.
    assert host.run(served) == host.run(f"{serial} -in /etc/drydockd/tls.crt") != before
    (end,) = (line for line in host.run(ends).splitlines() if "api.tls_cert" in line)
    left = float(end.split()[-1]) - time.time()
    assert 18 < left / 86400 < 21


def renew(host, days):
    host.run(
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc "
        f"-days {days} -subj /CN=drydock -addext subjectAltName=DNS:localhost "
        "-keyout /root/new.key -out /root/new.crt 2>/dev/null\n"
        "cat /root/new.key >/etc/drydockd/tls.key; cat /root/new.crt >/etc/drydockd/tls.crt\n"
        "install -m 0644 /root/new.crt /usr/local/share/ca-certificates/drydockd.crt\n"
        "update-ca-certificates >/dev/null 2>&1"
    )


def test_a_reload_that_cannot_be_says_why_and_changes_nothing(host):
    since = now(host)
    spoil(host)
    host.fails("systemctl reload drydockd.service")
    assert "the last reload was refused" in host.run("systemctl status drydockd.service")
    said = [entry["MESSAGE"] for entry in journal(host, since=since)]
    assert any("reload failed, everything stays as it was" in text for text in said)
    assert "v1.0" in host.run(VERSIONS)
    # Nor does a key that is not the certificate's.
    host.write(CONFIGURATION, host.plain)
    host.run("cp -p /etc/drydockd/tls.key /root/right.key")
    host.run("openssl ecparam -genkey -name prime256v1 -noout >/etc/drydockd/tls.key")
    host.fails("systemctl reload drydockd.service")
    assert "not that of the certificate" in host.run("systemctl status drydockd.service")
    assert "v1.0" in host.run(VERSIONS)
    host.run("cat /root/right.key >/etc/drydockd/tls.key; systemctl reload drydockd.service")
    assert "refused" not in host.run("systemctl show -p StatusText drydockd.service")


def test_a_reload_names_what_only_a_restart_takes(host):
    host.write(CONFIGURATION, host.plain + "limits: {fan_out: 7}\nlogging: {log_level: DEBUG}\n")
    since = now(host)
    host.run("systemctl reload drydockd.service")
    said = [entry["MESSAGE"] for entry in journal(host, since=since)]
    (line,) = {text for text in said if "only a restart takes it" in text and "WARNING" in text}
    assert f"limits.fan_out ({CONFIGURATION}:" in line
    assert "log_level" not in line


def test_the_journal_has_name_priority_and_one_time_of_each_line(host):
    since = now(host)
    host.run("systemctl restart drydockd.service")
    host.run(
        "curl --silent --insecure --ipv4 -H 'X-Bootaction-Key: 00' "
        "https://localhost:9000/api/v1.0/bootdata/a01-control/units"
    )
    entries = [e for e in journal(host, since=since) if e.get("_COMM") != "systemd"]
    ours = [e for e in entries if e["SYSLOG_IDENTIFIER"] != "systemd"]
    assert {entry["SYSLOG_IDENTIFIER"] for entry in ours} == {"drydockd"}
    texts = {entry["MESSAGE"]: entry["PRIORITY"] for entry in ours}
    for text, priority in texts.items():
        assert not text.startswith("<")
        assert not text[:4].isdigit(), text
        if text.startswith("WARNING "):
            assert priority == "4"
        if text.startswith("INFO "):
            assert priority == "6"
    assert any(text.startswith("WARNING drydock.main virtual machines only") for text in texts)
    # The address is the real one, and that of an IPv4 client is written as IPv4 is.
    assert any("listens on [::]:9000 (from systemd)" in text for text in texts)
    assert not any("::ffff:" in text for text in texts)
    assert any('"source_ip": "127.0.0.1"' in text for text in texts)


def test_an_address_that_the_socket_does_not_have_is_warned_of(host):
    host.write(CONFIGURATION, host.plain.replace("api:\n", "api:\n  listen: 127.0.0.1:9443\n"))
    since = now(host)
    host.run("systemctl restart drydockd.service")
    said = [entry["MESSAGE"] for entry in journal(host, since=since)]
    assert any("api.listen is 127.0.0.1:9443" in text and "[::]:9000" in text for text in said)


def test_noauth_on_a_socket_for_everybody_is_refused(host):
    noauth = host.plain.replace("[keystone, jwt]", "noauth")
    host.write(CONFIGURATION, noauth.replace("api:\n", "api:\n  listen: 127.0.0.1:9000\n"))
    since = now(host)
    host.fails("systemctl restart drydockd.service")
    said = [entry["MESSAGE"] for entry in journal(host, since=since)]
    assert any("noauth opens the API to everybody who reaches [::]:9000" in text for text in said)
    assert states(host) == ["inactive", "failed"]
