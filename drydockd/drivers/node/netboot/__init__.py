"""The provisioner `netboot`: drydockd itself boots, inspects, installs and wipes machines.

Planning is pure and apart from I/O: `layout`, `fstab`, `networkd`, `target`, `script`, `dhcpconf`,
`tokens`, `machine`. Source: contract, netboot.
"""
