"""The Python client library. It stands alone: of drydockd only the models of `api` are imported."""

from drydockd.client.client import Client
from drydockd.client.errors import (
    ClientConnectionError,
    ClientError,
    ClientForbiddenError,
    ClientTimeoutError,
    ClientUnauthorizedError,
)
from drydockd.client.events import Event
from drydockd.client.session import Session

# The names of the original's library.
DrydockClient = Client
DrydockSession = Session

__all__ = [
    "Client",
    "ClientConnectionError",
    "ClientError",
    "ClientForbiddenError",
    "ClientTimeoutError",
    "ClientUnauthorizedError",
    "DrydockClient",
    "DrydockSession",
    "Event",
    "Session",
]
