"""What ships as a driver has the whole interface, with the parameters it names."""

import inspect

import pytest

from drydockd.drivers import PROTOCOLS, shipped


@pytest.mark.parametrize("driver", shipped(), ids=lambda driver: f"{driver.kind} {driver.name}")
def test_a_shipped_driver_has_every_method_of_its_interface(driver):
    for method, declared in vars(PROTOCOLS[driver.kind]).items():
        if method.startswith("_") or not inspect.isfunction(declared):
            continue
        wanted = list(inspect.signature(declared).parameters)
        own = getattr(driver.offer.make, method)
        assert list(inspect.signature(own).parameters) == wanted, method
