"""A real Keystone for tests: in an environment of its own (`make peers`), built once per run.

Fixtures: `keystone` issues Fernet tokens, `keystone_jws` JWS ones, both for the whole run, and
both with the users of `USERS`; `make_keystone` starts one of the test's own.
"""

import contextlib
import os
import shutil
import socket
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from tests.peers.table import PEERS

VENV = PEERS["keystone"].environment
ADMIN_PASSWORD = "bootstrap-secret-93"
PROJECT = "site"
# User -> password, project, roles there.
USERS = {
    "ann-admin": ("ann-secret-5561", PROJECT, ("admin",)),
    "max-member": ("max-secret-2203", PROJECT, ("member",)),
    "rita-reader": ("rita-secret-8817", PROJECT, ("reader",)),
    "shipyard": ("shipyard-secret-4410", "service", ("service",)),
    "drydock": ("drydock-secret-7719", "service", ("admin", "service")),
}

CONF = """\
[DEFAULT]
log_dir = {folder}
[database]
connection = sqlite:///{folder}/keystone.db
[token]
provider = {provider}
expiration = {expiration}
[fernet_tokens]
key_repository = {folder}/fernet
[fernet_receipts]
key_repository = {folder}/fernet
[jwt_tokens]
jws_public_key_repository = {folder}/jws/public
jws_private_key_repository = {folder}/jws/private
[credential]
key_repository = {folder}/cred
[cache]
enabled = true
backend = dogpile.cache.memory
[identity]
password_hash_rounds = 4
"""

SERVE = """\
import sys
folder, port = sys.argv[1], int(sys.argv[2])
sys.argv = sys.argv[:1]  # Keystone parses it on import
import waitress
from keystone.wsgi.api import application

def counted(environ, start_response):
    line = environ["REQUEST_METHOD"] + " " + environ["PATH_INFO"]
    with open(folder + "/access.log", "a") as log:
        log.write(line + chr(10))
    return application(environ, start_response)

# One thread: each keeps what it knew of a token from its last request, and with several a token
# just revoked is taken now and then by one that has not asked since.
server = waitress.create_server(counted, host="127.0.0.1", port=port, threads=1)
print("ready", flush=True)
server.run()
"""


@dataclass
class KeystoneServer:
    """One Keystone process and a little of its API; `stop` and `start` may alternate."""

    folder: Path
    provider: str
    port: int
    expiration: int = 3600
    process: subprocess.Popen | None = None
    _admin: str = field(default="", repr=False)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v3"

    @property
    def public_keys(self) -> Path:
        return self.folder / "jws" / "public"

    @property
    def private_key(self) -> Path:
        return self.folder / "jws" / "private" / "private.pem"

    def start(self) -> None:
        conf = CONF.format(folder=self.folder, provider=self.provider, expiration=self.expiration)
        (self.folder / "keystone.conf").write_text(conf)
        script = self.folder / "serve.py"
        script.write_text(SERVE)
        with (self.folder / "stderr.log").open("ab") as stderr:
            self.process = subprocess.Popen(
                [VENV / "bin" / "python", script, str(self.folder), str(self.port)],
                env=environment(self.folder),
                stdout=subprocess.PIPE,
                stderr=stderr,
            )
        if self.process.stdout.readline() != b"ready\n":
            self.stop()
            pytest.fail((self.folder / "stderr.log").read_text()[-3000:])

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(timeout=20)
            self.process.stdout.close()
            self.process = None

    def calls(self, line: str = "GET /v3/auth/tokens") -> int:
        """How many requests of this method and path reached Keystone since it was built."""
        log = self.folder / "access.log"
        return log.read_text().splitlines().count(line) if log.exists() else 0

    def token(self, user: str, *, scoped: bool = True) -> str:
        """Log `user` of USERS in by password; return the token."""
        password, project, _ = USERS[user]
        return self._login(user, password, project if scoped else None)

    def revoke(self, token: str) -> None:
        self.request("DELETE", "/auth/tokens", headers={"X-Subject-Token": token})

    def request(self, method: str, path: str, *, headers=None, **more) -> httpx.Response:
        """Call the API as its administrator."""
        if not self._admin:
            self._admin = self._login("admin", ADMIN_PASSWORD, "admin")
        response = httpx.request(
            method,
            self.url + path,
            headers={"X-Auth-Token": self._admin, **(headers or {})},
            timeout=30,
            **more,
        )
        response.raise_for_status()
        return response

    def _login(self, user: str, password: str, project: str | None) -> str:
        domain = {"id": "default"}
        auth = {
            "identity": {
                "methods": ["password"],
                "password": {"user": {"name": user, "domain": domain, "password": password}},
            }
        }
        if project:
            auth["scope"] = {"project": {"name": project, "domain": domain}}
        response = httpx.post(f"{self.url}/auth/tokens", json={"auth": auth}, timeout=30)
        response.raise_for_status()
        return response.headers["X-Subject-Token"]

    def populate(self) -> None:
        """Create projects, users and grants of USERS through the API."""
        roles = {r["name"]: r["id"] for r in self.request("GET", "/roles").json()["roles"]}
        projects = {}
        for name in (PROJECT, "service"):
            body = {"project": {"name": name, "domain_id": "default"}}
            projects[name] = self.request("POST", "/projects", json=body).json()["project"]["id"]
        for name, (password, project, granted) in USERS.items():
            body = {"user": {"name": name, "domain_id": "default", "password": password}}
            user = self.request("POST", "/users", json=body).json()["user"]["id"]
            for role in granted:
                if role not in roles:
                    body = {"role": {"name": role}}
                    roles[role] = self.request("POST", "/roles", json=body).json()["role"]["id"]
                grant = f"/projects/{projects[project]}/users/{user}/roles/{roles[role]}"
                self.request("PUT", grant)


def environment(folder: Path) -> dict[str, str]:
    # Nothing of the test run's own: no proxies, no OS_* of a shell.
    return {"PATH": os.environ["PATH"], "OS_KEYSTONE_CONFIG_DIR": str(folder), "LANG": "C.UTF-8"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def build(folder: Path) -> None:
    """Make database and keys of a Keystone with the users of USERS."""
    for part in ("fernet", "cred", "jws/public", "jws/private"):
        (folder / part).mkdir(parents=True, mode=0o700)
    (folder / "keystone.conf").write_text(
        CONF.format(folder=folder, provider="fernet", expiration=3600)
    )
    for number in "01":
        write_key(folder / "fernet" / number, Fernet.generate_key())
        write_key(folder / "cred" / number, Fernet.generate_key())
    private = ec.generate_private_key(ec.SECP256R1())
    write_key(
        folder / "jws" / "private" / "private.pem",
        private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    )
    write_key(
        folder / "jws" / "public" / "public.pem",
        private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
    )
    manage(folder, "db_sync")
    manage(folder, "bootstrap", "--bootstrap-password", ADMIN_PASSWORD)


def write_key(path: Path, content: bytes) -> None:
    # What fernet_setup, credential_setup and create_jws_keypair write; they take 2 s each.
    path.write_bytes(content)
    path.chmod(0o600)


def manage(folder: Path, *command: str) -> None:
    done = subprocess.run(
        [VENV / "bin" / "keystone-manage", "--config-dir", str(folder), *command],
        env=environment(folder),
        cwd=folder,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        pytest.fail(f"keystone-manage {command[0]}: {done.stdout}{done.stderr[-3000:]}")


def create(folder: Path) -> KeystoneServer:
    """Build a Keystone in the empty `folder`, start it, create the users of USERS."""
    build(folder)
    server = KeystoneServer(folder, "fernet", free_port())
    server.start()
    try:
        server.populate()
    except BaseException:
        server.stop()
        raise
    return server


@pytest.fixture(scope="session")
def keystone_template(tmp_path_factory) -> Path:
    """Database and keys, with users, made once per run; servers get copies."""
    folder = tmp_path_factory.mktemp("keystone-template")
    create(folder).stop()
    (folder / "access.log").unlink()
    return folder


@contextlib.contextmanager
def running(template: Path, folder: Path, provider: str, **options):
    shutil.copytree(template, folder)
    server = KeystoneServer(folder, provider, free_port(), **options)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def keystone(keystone_template, tmp_path_factory):
    folder = tmp_path_factory.mktemp("keystone-fernet") / "keystone"
    with running(keystone_template, folder, "fernet") as server:
        yield server


@pytest.fixture(scope="session")
def keystone_jws(keystone_template, tmp_path_factory):
    folder = tmp_path_factory.mktemp("keystone-jws") / "keystone"
    with running(keystone_template, folder, "jws") as server:
        yield server


@pytest.fixture
def make_keystone(keystone_template, tmp_path):
    """Start a Keystone of the test's own: ``make_keystone("fernet", expiration=2)``."""
    with contextlib.ExitStack() as stack:

        def make(provider: str = "fernet", **options) -> KeystoneServer:
            folder = tmp_path / f"keystone-{provider}"
            return stack.enter_context(running(keystone_template, folder, provider, **options))

        yield make
