"""What several identity tests build: accounts at a real Keystone."""

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
