"""TLS contexts for API servers: their CA and our certificate, from files or from memory."""

from __future__ import annotations

import contextlib
import os
import ssl
from collections.abc import Iterator
from pathlib import Path

from drydockd.errors import InvalidInput

# A PEM file, or PEM text that a kubeconfig holds itself.
Pem = Path | bytes


def context_of(
    *,
    ca: Pem | None = None,
    certificate: Pem | None = None,
    key: Pem | None = None,
    insecure: bool = False,
    names: tuple[str, str, str] = ("ca_file", "client_certificate", "client_key"),
) -> ssl.SSLContext:
    """Return a client's context; `ca` None: the CAs of the system.

    `names` are those of the options, for messages. Raises InvalidInput: which, what is wrong.
    """
    try:
        data = ca if isinstance(ca, Path) or ca is None else ca.decode("ascii")
        context = (
            ssl.create_default_context(cadata=data)
            if isinstance(data, str)
            else ssl.create_default_context(cafile=data)
        )
    except (OSError, ValueError) as error:
        raise InvalidInput(f"{names[0]} {_shown(ca)}: {_why(error)}") from error
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if certificate is not None:
        try:
            with _path(certificate) as chain, _path(key) as private:
                # An encrypted key must not ask the terminal for its password.
                context.load_cert_chain(str(chain), private, password=_no_password)
        except (OSError, ValueError) as error:
            which = f"{names[1]} {_shown(certificate)}"
            if key is not None:
                which += f", {names[2]} {_shown(key)}"
            raise InvalidInput(f"{which}: {_why(error)}") from error
    return context


def _no_password() -> str:
    raise ValueError("the key is encrypted; drydockd has no password for it")


@contextlib.contextmanager
def _path(pem: Pem | None) -> Iterator[str | None]:
    """OpenSSL reads certificates and keys from files only: in memory, never on a disk."""
    if pem is None or isinstance(pem, Path):
        yield None if pem is None else str(pem)
        return
    descriptor = os.memfd_create("pem", os.MFD_CLOEXEC)
    try:
        with open(descriptor, "wb", closefd=False) as file:
            file.write(pem)
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)


def _shown(pem: Pem | None) -> str:
    return str(pem) if isinstance(pem, Path) else "(data)"


def _why(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return f"no PEM that can be used ({error.reason or 'unreadable'})"
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return str(error) or type(error).__name__
