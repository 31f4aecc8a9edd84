"""What a daemon with everything configured tells of itself."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.handlers.helpers import daemon


@pytest.fixture
async def text(tmp_path):
    """What a daemon with everything configured shows when it has done something."""
    keystone = {"auth_url": "http://127.0.0.1:1/v3", "user_id": "u", "project_id": "p"}
    keystone["password"] = "x"
    hook = {"name": "x", "url": "https://hook.invalid/", "secret": "x" * 16}
    events = {"webhooks": [hook]}
    async with daemon(tmp_path, keystone_authtoken=keystone, events=events) as running:
        await running.task(action="verify_nodes")
        return (await running.http.get("/metrics")).text


@pytest.fixture
def exported(text):
    """Name, as people ask for it -> (type, labels; None: it has no number now)."""
    found = {}
    for family in text_string_to_metric_families(text):
        # The parser takes the suffix of a counter off.
        name = family.name + "_total" * (family.type == "counter")
        labels = {label for s in family.samples for label in s.labels} - {"le"}
        found[name] = (family.type, labels if family.samples else None)
    return found
