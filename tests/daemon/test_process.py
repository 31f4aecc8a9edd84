"""The process as systemd and an operator see it."""

import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.daemon.helpers import REPOSITORY, SITE, configuration, started

pytestmark = pytest.mark.process


def test_it_says_ready_when_it_answers_and_stopping_when_it_is_told_to(tmp_path):
    with started(tmp_path) as drydockd:
        url = drydockd.ready()
        assert httpx.get(f"{url}/versions").status_code == 200
        drydockd.signal(signal.SIGTERM)
        drydockd.told("STOPPING=1")
        assert drydockd.ended() == 0
    assert "stopped" in drydockd.log


def test_what_was_acknowledged_is_there_after_a_restart(tmp_path):
    with started(tmp_path) as drydockd:
        url = drydockd.ready()
        body = {"action": "validate_design", "design_ref": SITE.as_uri()}
        made = httpx.post(f"{url}/api/v1.0/tasks", headers=drydockd.admin(), json=body).json()
        drydockd.signal(signal.SIGKILL)
        drydockd.ended()
    with started(tmp_path) as drydockd:
        url = drydockd.ready()
        shown = drydockd.get(f"{url}/api/v1.0/tasks/{made['task_id']}?wait=20").json()
        assert shown["task_id"] == made["task_id"]
        assert shown["created"] == made["created"]


def test_signs_of_life_reach_the_watchdog(tmp_path):
    with started(tmp_path, environ={"WATCHDOG_USEC": "200000"}) as drydockd:
        drydockd.ready()
        drydockd.told("WATCHDOG=1")
        drydockd.told("WATCHDOG=1")


def test_a_reload_takes_policy_and_log_level(tmp_path):
    with started(tmp_path) as drydockd:
        url = drydockd.ready()
        assert drydockd.get(f"{url}/api/v1.0/tasks").status_code == 200
        # When the policy and the level change
        (tmp_path / "policy.yaml").write_text('"physical_provisioner:read_task": "!"\n')
        configuration(tmp_path, logging={"log_level": "DEBUG"})
        drydockd.signal(signal.SIGHUP)
        wait_for(drydockd, "log level (DEBUG) are reloaded")
        # Then both hold.
        assert drydockd.get(f"{url}/api/v1.0/tasks").status_code == 403
        assert " DEBUG " in drydockd.log


def test_a_reload_with_a_mistake_keeps_the_old_policy_and_says_so(tmp_path):
    with started(tmp_path) as drydockd:
        url = drydockd.ready()
        (tmp_path / "policy.yaml").write_text("- nonsense")
        drydockd.signal(signal.SIGHUP)
        wait_for(drydockd, "reload failed, everything stays as it was")
        assert drydockd.get(f"{url}/api/v1.0/tasks").status_code == 200


def wait_for(drydockd, text):
    """Return when the log has `text`: nothing else tells the end of a reload."""
    deadline = time.monotonic() + 60
    while text not in drydockd.log:
        assert time.monotonic() < deadline, drydockd.log
        time.sleep(0.02)


def test_a_second_daemon_on_the_same_state_is_refused(tmp_path):
    with started(tmp_path) as drydockd:
        drydockd.ready()
        done = run(configuration(tmp_path))
        assert done.returncode == 1
        assert "cannot start" in done.stderr
        assert str(tmp_path / "state") in done.stderr


def run(path, *arguments, **environ):
    return subprocess.run(
        [sys.executable, "-m", "drydockd", "--config", str(path), *arguments],
        cwd=REPOSITORY,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=30,
    )


def test_mistakes_in_the_configuration_end_with_code_2_all_at_once(tmp_path):
    path = tmp_path / "d.yaml"
    path.write_text("api: {listn: x}\ntimeouts: {deploy_node: 0}\n")
    done = run(path, DRYDOCKD_STORE__BACKEND="paper")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 3
    assert "did you mean listen?" in done.stderr


@pytest.mark.parametrize(
    ("sections", "text"),
    [
        ({"plugins": {"oob_driver": ["manuel"]}}, "did you mean manual?"),
        ({"api": {"listen": "192.0.2.1:9000"}}, "api.listen"),
        ({"api": {"listen": "127.0.0.1:0", "tls_cert": "/no", "tls_key": "/no"}}, "api.tls_cert"),
        ({"auth": {"strategy": "jwt", "jwt_public_keys": ["/no.pem"]}}, "/no.pem"),
    ],
)
def test_what_cannot_work_ends_with_code_2_and_the_option(tmp_path, sections, text):
    done = run(configuration(tmp_path, **sections))
    assert done.returncode == 2, done.stderr
    assert text in done.stderr
    assert "Traceback" not in done.stderr


def test_a_broken_policy_refuses_the_start(tmp_path):
    (tmp_path / "policy.yaml").write_text("- nonsense")
    done = run(configuration(tmp_path))
    assert done.returncode == 2
    assert "policy.yaml" in done.stderr


def test_the_version_is_told():
    done = run("x", "--version")
    assert (done.returncode, done.stdout.split()[0]) == (0, "drydockd")


def test_inherited_sockets_are_served_and_outlive_a_restart(tmp_path):
    # Given a socket that a service manager holds
    with socket.create_server(("127.0.0.1", 0), backlog=16) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"

        def inherit() -> None:
            os.dup2(listener.fileno(), 3)

        # systemd sets LISTEN_PID after the fork; a shell does it here.
        with activated(tmp_path, inherit) as drydockd:
            assert drydockd.ready() == url
            assert httpx.get(f"{url}/versions").status_code == 200
            drydockd.signal(signal.SIGTERM)
            assert drydockd.ended() == 0
        # When a node asks while no daemon runs
        with socket.create_connection(listener.getsockname()) as node:
            node.sendall(b"GET /versions HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            # Then the next daemon answers it.
            with activated(tmp_path, inherit) as drydockd:
                drydockd.ready()
                node.settimeout(10)
                assert node.recv(100).startswith(b"HTTP/1.1 200 OK")


def activated(folder, preexec):
    code = (
        "import os, sys; os.environ['LISTEN_PID'] = str(os.getpid()); "
        "os.execv(sys.executable, [sys.executable, '-m', 'drydockd', *sys.argv[1:]])"
    )
    return started(
        folder,
        environ={"LISTEN_FDS": "1", "LISTEN_FDNAMES": "api"},
        preexec=preexec,
        code=code,
    )


def test_https_is_served_by_configuration(tmp_path):
    certificate, key = self_signed(tmp_path)
    tls = {"listen": "127.0.0.1:0", "tls_cert": str(certificate), "tls_key": str(key)}
    with started(tmp_path, api=tls) as drydockd:
        url = drydockd.ready()
        assert url.startswith("https://")
        with httpx.Client(verify=ssl.create_default_context(cafile=str(certificate))) as http:
            assert http.get(f"{url}/versions").status_code == 200
            assert "drydock_certificate_expiry" in http.get(f"{url}/metrics").text


def self_signed(folder):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "tls.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "tls.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return folder / "tls.pem", folder / "tls.key"


def test_a_check_ends_with_the_code_of_the_start_and_starts_nothing(tmp_path):
    done = run(configuration(tmp_path), "--check")
    assert (done.returncode, done.stderr) == (0, "drydockd: the configuration is good\n")
    assert not (tmp_path / "state").exists()
    done = run(configuration(tmp_path, limits={"fan_out": 0}), "--check")
    assert done.returncode == 2
    assert "limits.fan_out" in done.stderr


def test_who_asks_for_a_reload_is_told_what_came_of_it(tmp_path):
    folder = {"RUNTIME_DIRECTORY": str(tmp_path)}
    assert "no drydockd answers" in run("x", "--reload", **folder).stderr
    with started(tmp_path, environ=folder) as drydockd:
        url = drydockd.ready()
        path = configuration(tmp_path, limits={"fan_out": 7})
        done = run(path, "--reload", **folder)
        assert done.returncode == 0, done.stderr
        assert "policy and log level (INFO) are reloaded" in done.stderr
        assert f"only a restart takes it: limits.fan_out ({path}:" in done.stderr
        assert drydockd.told("RELOADING=1")
        path.write_text(path.read_text() + "apii: {}\n")
        done = run(path, "--reload", **folder)
        assert done.returncode == 1
        assert "apii: no such section; did you mean api?" in done.stderr
        assert "the last reload was refused" in drydockd.told("refused")
        assert httpx.get(f"{url}/versions").status_code == 200


def test_a_reload_serves_another_certificate_and_tells_its_end(tmp_path):
    certificate, key = self_signed(tmp_path)
    tls = {"listen": "127.0.0.1:0", "tls_cert": str(certificate), "tls_key": str(key)}
    folder = {"RUNTIME_DIRECTORY": str(tmp_path)}
    with started(tmp_path, environ=folder, api=tls) as drydockd:
        port = int(drydockd.ready().rpartition(":")[2])
        before = ssl.get_server_certificate(("127.0.0.1", port))
        old_key = key.read_bytes()
        self_signed(tmp_path)
        new_key = key.read_bytes()
        # Not with a key that is another's
        key.write_bytes(old_key)
        done = run("x", "--reload", **folder)
        assert done.returncode == 1
        assert "not that of the certificate" in done.stderr
        assert ssl.get_server_certificate(("127.0.0.1", port)) == before
        # But with its own.
        key.write_bytes(new_key)
        assert "CN=127.0.0.1 is served until" in run("x", "--reload", **folder).stderr
        served = ssl.get_server_certificate(("127.0.0.1", port))
        assert served == certificate.read_text() != before


def test_the_address_of_an_ipv4_client_is_its_own_on_a_socket_for_both_families(tmp_path):
    with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as both:
        port = both.getsockname()[1]
        with activated(tmp_path, lambda: os.dup2(both.fileno(), 3)) as drydockd:
            drydockd.ready()
            wrong = {"X-Auth-Token": "a.b.c"}
            assert httpx.get(f"http://127.0.0.1:{port}/api/v1.0/tasks", headers=wrong).is_error
            drydockd.signal(signal.SIGTERM)
            drydockd.ended()
    assert '"source_ip": "127.0.0.1"' in drydockd.log
    assert "::ffff:" not in drydockd.log
    assert f"listens on [::]:{port} (from systemd)" in drydockd.log
