"""What several identity tests build: accounts at a real Keystone, TLS in front of it."""

import contextlib
import ssl
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import ip_address

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from drydockd.auth.identity import Account
from tests.peers.keystone import USERS


def account(server, **changes):
    """drydockd's own account at `server`, as deployments configure it."""
    settings = {
        "auth_url": server.url,
        "username": "drydock",
        "password": USERS["drydock"][0],
        "user_domain_name": "Default",
        "project_name": "service",
        "project_domain_name": "Default",
        "retries": 0,
    }
    return Account(**(settings | changes))


def certificate(name, not_after, *, names=()):
    """A self-signed certificate and its key, both PEM."""
    private = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(private.public_key())
        .serial_number(1)
        .not_valid_before(not_after - timedelta(days=800))
        .not_valid_after(not_after)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(n) for n in names]), False)
        .sign(private, hashes.SHA256())
    )
    key = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return built.public_bytes(Encoding.PEM), key


@contextlib.contextmanager
def tls_in_front_of(server, folder):
    """Yield the port of a TLS proxy before `server`, and its certificate's file."""
    path = folder / "tls.pem"
    public, key = certificate(
        "keystone", datetime.now(UTC) + timedelta(days=1), names=[ip_address("127.0.0.1")]
    )
    path.write_bytes(public + key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)

    class Proxy(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            inner = f"http://127.0.0.1:{server.port}{self.path}"
            headers = {"Content-Type": "application/json"}
            answer = httpx.request(self.command, inner, content=body, headers=headers)
            self.send_response(answer.status_code)
            for name in ("X-Subject-Token", "Content-Type", "Content-Length"):
                self.send_header(name, answer.headers[name])
            self.end_headers()
            self.wfile.write(answer.content)

        def log_message(self, *arguments):
            pass

    proxy = HTTPServer(("127.0.0.1", 0), Proxy)
    proxy.socket = context.wrap_socket(proxy.socket, server_side=True)
    thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield proxy.server_port, path
    finally:
        proxy.shutdown()
        thread.join()
        proxy.server_close()
