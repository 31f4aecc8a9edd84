"""The wire form."""

import json

from drydockd.drivers.node.netboot.installplan import VERSION, wire_form
from tests.drivers.node.netboot.test_assembly import a_plan


def test_the_wire_form_is_json_with_its_version():
    wire = wire_form(a_plan())
    assert wire["version"] == VERSION
    assert json.loads(json.dumps(wire))["storage"]["disks"][0]["find"]["serial"] == "D-1"
