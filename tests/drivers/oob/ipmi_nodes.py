"""Nodes and drivers for the tests of the IPMI driver: real BMCs of ipmi_sim, short pauses."""

from drydockd.drivers.oob.ipmi import IpmiOob, IpmiOptions
from drydockd.drivers.oob.ipmitool import Bmc
from drydockd.site import Addressing, HardwareProfile
from tests.peers.ipmi import ACCOUNT, CREDENTIAL
from tests.room.helpers import a_node

QUICK = (0.01, 0.01, 0.01, 0.01)


def a_driver(*, pauses=QUICK, **options):
    """A driver whose asking is quick; the suite of ipmi_sim, unless told otherwise."""
    return IpmiOob(
        IpmiOptions(**{"cipher_suites": (3,), "poll_interval": 0.05, **options}), pauses=pauses
    )


def node_at(port, name="n1", *, boot_mode=None, address="127.0.0.1", **oob):
    """A node with a BMC at that port of this machine."""
    parameters = {"network": "oob", "account": ACCOUNT, "credential": CREDENTIAL}
    parameters = {**parameters, "port": port and str(port), **oob}
    return a_node(
        name,
        oob_parameters={key: value for key, value in parameters.items() if value is not None},
        addressing=(Addressing("oob", "static", address),) if address else (),
        hardware=HardwareProfile("hw", boot_mode=boot_mode) if boot_mode else None,
    )


def bmc_at(port, **fields):
    """What ipmitool is told of the BMC at that port of this machine."""
    known = {
        "host": "n1",
        "address": "127.0.0.1",
        "port": port,
        "account": ACCOUNT,
        "privilege": "ADMINISTRATOR",
        "suites": (3,),
        "credential": CREDENTIAL,
    }
    return Bmc(**{**known, **fields})
