"""Metrics: all that a daemon exports are documented, all that documents name are exported."""

import re

import pytest
from prometheus_client.parser import text_string_to_metric_families

from drydockd.config import Settings
from tests.docs.pages import codes, mentions
from tests.handlers.helpers import daemon

# Not followed by more of a dotted name: drydock_provisioner.drivers is a package.
METRIC = re.compile(r"(?<![\w.])(?:drydock|python)_[a-z0-9_*]+\b\*?(?![.\w])")


@pytest.fixture
async def exported(tmp_path):
    """Names as a daemon with everything configured shows them, which is how people ask for them."""
    keystone = {"auth_url": "http://127.0.0.1:1/v3", "user_id": "u", "project_id": "p"}
    keystone["password"] = "x"
    async with daemon(tmp_path, keystone_authtoken=keystone) as running:
        await running.get("/api/v1.0/tasks")
        text = (await running.http.get("/metrics")).text
    names = set()
    for family in text_string_to_metric_families(text):
        # The parser takes the suffix of a counter off.
        names.add(family.name + "_total" * (family.type == "counter"))
    return names


async def test_every_metric_is_documented(exported):
    documented = {name for code in codes() for name in METRIC.findall(code.text)}
    missing = sorted(name for name in exported if not mentions(name, documented))
    assert not missing, f"not in docs/: {', '.join(missing)}"


async def test_every_metric_that_a_document_names_is_exported(exported):
    options = {
        option
        for info in Settings.model_fields.values()
        for option in getattr(info.annotation, "model_fields", ())
    }
    wrong = [
        f"{code.where}: no daemon exports {name}"
        for code in codes()
        for name in METRIC.findall(code.text)
        if name not in options and not any(mentions(metric, {name}) for metric in exported)
    ]
    assert not wrong, "\n".join(wrong)
