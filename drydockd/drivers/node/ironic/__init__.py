"""The provisioner `ironic`: nodes of an Ironic, standalone, Bifrost's or Metal3's.

What is asked and what is made of the answers is pure and apart from I/O: `nodes`, `inventory`,
`networkdata`, `userdata`, `refusals`, `enrolment`, `versions`. Source: contract, ironic.
"""

from drydockd.drivers.node.ironic.options import IronicOptions
from drydockd.drivers.node.ironic.provisioner import IronicProvisioner
from drydockd.drivers.options import Offer

DRIVER = Offer(
    IronicProvisioner,
    IronicOptions,
    "ironic_driver",
    "machines of an Ironic: standalone, Bifrost, Metal3",
)
