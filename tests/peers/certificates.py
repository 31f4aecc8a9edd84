"""Real certificates for servers of tests: good ones, and every wrong one."""

import datetime
import ipaddress
import ssl
import warnings
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

NOW = datetime.datetime.now(datetime.UTC)
YEAR = datetime.timedelta(days=365)


class Authority:
    """A CA of a test; `file` is its certificate. `context` makes servers it vouches for; `pair` is
    the file with the key and the certificate of the newest."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pair: Path | None = None
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test CA")])
        certificate = self._sign(self._key.public_key(), self._name, is_ca=True)
        self.file = folder / "ca.pem"
        self.file.write_bytes(certificate.public_bytes(Encoding.PEM))

    def context(
        self,
        name: str = "bmc",
        *,
        address: str = "127.0.0.1",
        days: int = 365,
        is_self_signed: bool = False,
        weak_bits: int = 0,
    ) -> tuple[ssl.SSLContext, x509.Certificate]:
        """A server's context and certificate; `days` from now it expires, also in the past."""
        key = (
            rsa.generate_private_key(65537, weak_bits)
            if weak_bits
            else ec.generate_private_key(ec.SECP256R1())
        )
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        signer = key if is_self_signed else None
        certificate = self._sign(
            key.public_key(), subject, address=address, days=days, signer=signer
        )
        file = self.folder / f"{name}.pem"
        file.write_bytes(
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            + certificate.public_bytes(Encoding.PEM)
        )
        self.pair = file
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if weak_bits:
            context.set_ciphers("DEFAULT:@SECLEVEL=0")
        context.load_cert_chain(file)
        return context, certificate

    def _sign(self, public, subject, *, address="", days=365, signer=None, is_ca=False):
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject if signer else self._name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - 2 * YEAR)
            .not_valid_after(NOW + datetime.timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        )
        if address:
            names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
            builder = builder.add_extension(names, critical=False)
        return builder.sign(signer or self._key, hashes.SHA256())


def only_tls_1_0(context: ssl.SSLContext) -> ssl.SSLContext:
    """A server of 2010. Whether the local OpenSSL can play it is for the test to find out."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    return context
