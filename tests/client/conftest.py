import pytest

from drydockd.client import Client, Session
from tests.client.helpers import serving


@pytest.fixture
def server():
    with serving() as found:
        yield found


@pytest.fixture
def session(server):
    with Session("127.0.0.1", server.port, token="t0ken") as found:
        yield found


@pytest.fixture
def client(session):
    return Client(session)
