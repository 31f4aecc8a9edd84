import pytest

from drydockd.drivers.fake import FakeOptions
from drydockd.drivers.oob.fake import FakeOob
from drydockd.errors import DriverUnsupported
from drydockd.site import Node
from drydockd.tasks.words.drivers import Drivers, NoDriver


def test_the_first_driver_that_knows_the_type_is_used():
    first = FakeOob(FakeOptions(oob_types=["ipmi"]))
    second = FakeOob(FakeOptions(oob_types=["ipmi", "redfish"]))
    drivers = Drivers(oob=[first, second])

    assert drivers.oob_for("ipmi") is first
    assert drivers.oob_for("redfish") is second
    assert drivers.oob_for("manual") is None
    assert drivers.oob_for(None) is None


def test_missing_drivers_are_named():
    none = Drivers()
    with pytest.raises(NoDriver) as found:
        none.needed_node()
    assert found.value.kind == "Node"
    with pytest.raises(NoDriver) as found:
        none.needed_kubernetes()
    assert found.value.kind == "Kubernetes"
    with pytest.raises(DriverUnsupported, match="Node n1 OOB type ipmi is not supported"):
        none.needed_oob(Node(name="n1", oob_type="ipmi"))
