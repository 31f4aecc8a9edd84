"""The QEMU room: machines of real firmware, disks and networks, each with a BMC.

`machine` is one machine as a command line, `bmc` the IPMI BMC that switches it, `trunk` the
switch its bond is plugged into, `wires` what the host has of the networks, `site` a design that
fits, `account` a boot action of it, `room` the whole, `host` what it needs of the host. Never by
/dev/kvm: it runs wherever QEMU does.
Source: contract, netboot, section 12.
"""
