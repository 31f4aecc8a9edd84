"""TLS to BMCs: shared contexts, pinned certificates, and what a failed handshake means."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime

from cryptography import x509

from drydockd.drivers.oob.redfish.fingerprints import fingerprint_of, shown
from drydockd.drivers.oob.redfish.options import RedfishOptions
from drydockd.errors import InvalidInput

# Of OpenSSL's reasons, those that mean "too old for today's defaults".
TOO_OLD = (
    "UNSUPPORTED_PROTOCOL", "DH_KEY_TOO_SMALL", "EE_KEY_TOO_SMALL", "CA_KEY_TOO_SMALL",
    "CA_MD_TOO_WEAK", "EE_MD_TOO_WEAK", "UNSAFE_LEGACY_RENEGOTIATION_DISABLED",
    "LEGACY_SIGALG_DISALLOWED", "ALERT_PROTOCOL_VERSION", "ALERT_HANDSHAKE_FAILURE",
    "WRONG_SIGNATURE_TYPE", "BAD_ECPOINT",
    "NO_PROTOCOLS_AVAILABLE", "DH_VALUE", "WRONG_SSL_VERSION", "UNKNOWN_PROTOCOL",
)  # fmt: skip
NOT_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE")
# What Python puts round OpenSSL's text.
_FRAME = re.compile(r"^\[[^]]*\]|\(_ssl\.c:[0-9]+\)$")
# Python names it from 3.12 on.
LEGACY_SERVER_CONNECT = 0x4


class WrongCertificate(ssl.SSLCertVerificationError):
    """The certificate is not the pinned one; `seen` is its fingerprint."""

    seen = ""


def _pinned(fingerprint: str) -> type[ssl.SSLObject]:
    class Pinned(ssl.SSLObject):
        """Ends the handshake unless the peer has the one certificate: no byte is sent before."""

        def do_handshake(self) -> None:
            super().do_handshake()
            certificate = self.getpeercert(binary_form=True) or b""
            if (seen := fingerprint_of(certificate)) != fingerprint:
                error = WrongCertificate("the certificate is not the pinned one")
                error.seen = seen
                raise error

    return Pinned


class TlsContexts:
    """The contexts of one driver: each is made once and shared by all connections.

    Raises InvalidInput if the CA file cannot be used.
    """

    def __init__(self, options: RedfishOptions) -> None:
        self._ca_file = options.ca_file
        self._is_legacy = options.tls_legacy
        self._known: dict[object, ssl.SSLContext] = {}
        if options.ca_file is not None:
            try:
                self._known[True] = self._make(True)
            except (OSError, ssl.SSLError) as error:
                raise InvalidInput(f"ca_file {options.ca_file}: {error}") from error

    async def get(self, verify: bool, fingerprint: str | None) -> ssl.SSLContext:
        """Return the context for one BMC. A pinned certificate needs no CA and no name."""
        key: object = fingerprint or verify
        if key not in self._known:
            # The system's CAs take 30 ms to read.
            context = await asyncio.to_thread(self._make, verify and fingerprint is None)
            if fingerprint is not None:
                context.sslobject_class = _pinned(fingerprint)
            self._known.setdefault(key, context)
        return self._known[key]

    def _make(self, verify: bool) -> ssl.SSLContext:
        if verify:
            context = ssl.create_default_context(cafile=self._ca_file)
        else:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if self._is_legacy:
            context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
            context.set_ciphers("DEFAULT:@SECLEVEL=0")
            context.options |= LEGACY_SERVER_CONNECT
        return context


def reason_of(error: ssl.SSLError) -> str:
    """Return OpenSSL's reason in its own words, ``UNSUPPORTED_PROTOCOL``; empty: it gave none.

    Python 3.11.2 as Debian 12 has it does not know the names of OpenSSL 3, only the texts:
    ``unsupported protocol (_ssl.c:992)``.
    """
    if reason := getattr(error, "reason", None):
        return str(reason)
    text = _FRAME.sub("", str(error.args[-1] if error.args else ""))
    return text.strip().upper().replace(" ", "_")


def explained(error: ssl.SSLError) -> tuple[str, str] | None:
    """Return what is wrong and what to do; None for what may be over in a moment."""
    if isinstance(error, WrongCertificate):
        return (
            f"its certificate has the fingerprint {shown(error.seen)}, not the pinned one",
            "if the BMC got a new certificate, correct the fingerprint; else someone is in between",
        )
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"its certificate is refused: {error.verify_message}",
            "give it a good one, name its CA in redfish_driver.ca_file, pin it in "
            "redfish_driver.fingerprints, or set oob.verify of the node to false",
        )
    reason = reason_of(error)
    if any(word in reason for word in NOT_TLS):
        return (
            "it does not speak TLS on this port",
            "correct oob.port or redfish_driver.port, or set redfish_driver.use_ssl to false",
        )
    if any(word in reason for word in TOO_OLD):
        return (
            f"no TLS that both sides accept ({reason})",
            "renew the BMC's firmware, or set redfish_driver.tls_legacy to true",
        )
    return None


def describe(tls: ssl.SSLObject, *, verify: bool, is_pinned: bool) -> str:
    """How a connection is secured, in a line."""
    cipher = tls.cipher()
    how = "certificate pinned" if is_pinned else "verified" if verify else "not verified"
    text = f"{tls.version()}, {cipher[0] if cipher else 'no cipher'}, {how}"
    if certificate := tls.getpeercert(binary_form=True):
        text += f", SHA-256 {shown(fingerprint_of(certificate))}"
    return text


def oddities(tls: ssl.SSLObject, now: datetime | None = None) -> Iterator[str]:
    """What an operator should look at: old protocols, a certificate out of its time."""
    if tls.version() in ("SSLv3", "TLSv1", "TLSv1.1"):
        yield f"it speaks {tls.version()}, which is no longer safe"
    der = tls.getpeercert(binary_form=True)
    if not der:
        return
    now = now or datetime.now(UTC)
    try:
        certificate = x509.load_der_x509_certificate(der)
        begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    except ValueError:
        yield "its certificate cannot be read"
        return
    if now > end:
        yield f"its certificate expired on {end:%Y-%m-%d}"
    elif now < begin:
        yield f"its certificate is valid only from {begin:%Y-%m-%d}"
