"""Fixtures of the identity tests: secrets, keys, strategies."""

import logging

import pytest

from drydockd.auth.jwt import LocalTokens
from drydockd.auth.jwtkeys import SECRET_FILE, secret_key
from drydockd.cli.root import NOISY


@pytest.fixture
def key(tmp_path):
    return secret_key(tmp_path / SECRET_FILE, create=True)


@pytest.fixture
def tokens(key):
    return LocalTokens([key])


@pytest.fixture
def everything_logged(caplog):
    """The log of all parts and libraries at DEBUG, as one text when asked."""
    caplog.set_level(logging.DEBUG)
    # A command run before in this process quietens libraries.
    for name in NOISY:
        caplog.set_level(logging.DEBUG, logger=name)
    return lambda: "\n".join(f"{r.name} {r.getMessage()} {r.exc_info}" for r in caplog.records)
