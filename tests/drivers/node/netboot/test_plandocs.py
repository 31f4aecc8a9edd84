"""Plans survive a restart, to the field."""

import json

from drydockd.drivers.node.netboot.plandocs import (
    document_of,
    network_of,
    platform_of,
    storage_of,
)
from drydockd.plans import PlatformPlan
from tests.drivers.node.netboot.test_layout import FLAT
from tests.drivers.node.netboot.test_networkd import PLAN


def test_each_plan_comes_back_as_it_was():
    platform = PlatformPlan("debian-12", None, "quiet", "n1_kp", ("a",))
    for plan, read in ((PLAN, network_of), (FLAT, storage_of), (platform, platform_of)):
        assert read(json.loads(json.dumps(document_of(plan)))) == plan
