"""Whose certificates are believed: what was given, else what other clients read too."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping

# In this order: the clients of OpenStack, requests, curl.
VARIABLES = ("OS_CACERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


def trusted(verify: bool | str, environ: Mapping[str, str] = os.environ) -> bool | str:
    """Return `verify` unless it is True and a variable names certificates: then their path.

    A path is a PEM file or a folder as OpenSSL wants it. Raises ValueError, naming the variable,
    for one that leads to nothing.
    """
    if verify is not True:
        return verify
    for name in VARIABLES:
        if path := environ.get(name):
            if not os.path.exists(path):
                raise ValueError(f"{name} {path}: there is no such file; correct it, or unset it")
            return path
    return True


def verifier(verify: bool | str) -> bool | ssl.SSLContext:
    """Return what httpx verifies with. Raises ValueError for a file without certificates."""
    found = trusted(verify)
    if isinstance(found, bool):
        return found
    try:
        if os.path.isdir(found):
            return ssl.create_default_context(capath=found)
        return ssl.create_default_context(cafile=found)
    except OSError as error:
        source = "" if found == verify else f"{_variable(found)} "
        why = "no PEM certificates in it" if isinstance(error, ssl.SSLError) else error.strerror
        raise ValueError(f"{source}{found}: {why}") from error


def _variable(path: str) -> str:
    return next(name for name in VARIABLES if os.environ.get(name) == path)
