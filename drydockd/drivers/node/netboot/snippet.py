"""How the site's own DHCP server points machines at the boot listener (`dhcp: none`). Pure.

The file names are those of Debian's package ipxe, which the site's TFTP server has to serve.
Source: dhcpd.conf(5), dnsmasq(8), the Kea administrator's manual; contract, netboot, section 9.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from drydockd.drivers.node.netboot.dhcpconf import BIOS_FILE, UEFI_FILE

QUERY = "/boot/ipxe?mac=${netX/mac}&uuid=${uuid}&serial=${serial}&platform=${platform}"
_ABOUT = f"the TFTP server has {BIOS_FILE} and {UEFI_FILE} of the package ipxe"


def snippet(server: str, base_url: str) -> str:
    """Return lines for the configuration of `server`, a key of SERVERS."""
    return SERVERS[server](base_url.rstrip("/") + QUERY)


def _isc(url: str) -> str:
    return f"""# ISC dhcpd, in the subnet of the boot network; next-server: {_ABOUT}
option client-arch code 93 = unsigned integer 16;
if exists user-class and option user-class = "iPXE" {{
    filename "{url}";
}} elsif option client-arch = 7 or option client-arch = 9 {{
    next-server TFTP-ADDRESS;
    filename "{UEFI_FILE}";
}} else {{
    next-server TFTP-ADDRESS;
    filename "{BIOS_FILE}";
}}
"""


def _dnsmasq(url: str) -> str:
    return f"""# dnsmasq of the site; {_ABOUT}
dhcp-match=set:ipxe,175
dhcp-match=set:bios,option:client-arch,0
dhcp-match=set:uefi,option:client-arch,7
dhcp-match=set:uefi,option:client-arch,9
dhcp-boot=tag:!ipxe,tag:bios,{BIOS_FILE},,TFTP-ADDRESS
dhcp-boot=tag:!ipxe,tag:uefi,{UEFI_FILE},,TFTP-ADDRESS
dhcp-boot=tag:ipxe,{url}
"""


def _kea(url: str) -> str:
    classes = [
        {"name": "drydock-ipxe", "test": "option[77].hex == 'iPXE'", "boot-file-name": url},
        {
            "name": "drydock-uefi",
            "test": "not member('drydock-ipxe') and "
            "(option[93].hex == 0x0007 or option[93].hex == 0x0009)",
            "next-server": "TFTP-ADDRESS",
            "boot-file-name": UEFI_FILE,
        },
        {
            "name": "drydock-bios",
            "test": "not member('drydock-ipxe') and option[93].hex == 0x0000",
            "next-server": "TFTP-ADDRESS",
            "boot-file-name": BIOS_FILE,
        },
    ]
    return (
        f"// Kea, in Dhcp4; {_ABOUT}\n" + json.dumps({"client-classes": classes}, indent=2) + "\n"
    )


SERVERS: Mapping[str, Callable[[str], str]] = {"isc": _isc, "dnsmasq": _dnsmasq, "kea": _kea}
