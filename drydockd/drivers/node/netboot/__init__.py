"""The provisioner `netboot`: drydockd itself boots, inspects, installs and wipes machines.

Planning is pure and apart from I/O: `layout`, `fstab`, `networkd`, `target`, `script`, `dhcpconf`,
`tokens`, `machine`. Source: contract, netboot.
"""

from drydockd.drivers.node.netboot.options import NetbootOptions
from drydockd.drivers.node.netboot.provisioner import NetbootProvisioner
from drydockd.drivers.options import Offer

DRIVER = Offer(
    NetbootProvisioner,
    NetbootOptions,
    "netboot_driver",
    "drydockd itself: machines boot its agent from the network",
    alone=NetbootOptions.alone,
)
