"""What ships as a driver has the whole interface, with the parameters it names."""

import inspect

import pytest

from drydockd import drivers
from drydockd.drivers.base import KubernetesDriver, NodeProvisioner, OobDriver

PROTOCOLS = {"oob": OobDriver, "node": NodeProvisioner, "kubernetes": KubernetesDriver}
SHIPPED = [(kind, name) for kind in PROTOCOLS for name in drivers.known(kind)]


@pytest.mark.parametrize(("kind", "name"), SHIPPED)
def test_a_shipped_driver_has_every_method_of_its_interface(kind, name):
    driver = type(drivers.load(kind, name, {}))
    for method, declared in vars(PROTOCOLS[kind]).items():
        if method.startswith("_") or not inspect.isfunction(declared):
            continue
        wanted = list(inspect.signature(declared).parameters)
        assert list(inspect.signature(getattr(driver, method)).parameters) == wanted, method
