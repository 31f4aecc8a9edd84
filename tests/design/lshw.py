"""A machine as lshw tells it: two disks and two NICs."""


def an_lshw(*elements: str) -> str:
    inside = "".join(elements)
    return f'<?xml version="1.0"?><list><node id="host" class="system">{inside}</node></list>'


def a_disk_element(name: str, businfo: str, size_bytes: int, serial: str) -> str:
    return (
        f'<node id="disk" class="disk"><businfo>{businfo}</businfo>'
        f"<logicalname>/dev/{name}</logicalname><serial>{serial}</serial>"
        f'<size units="bytes">{size_bytes}</size>'
        f'<node class="volume"><logicalname>/dev/{name}1</logicalname>'
        "<size>1</size></node></node>"
    )


def a_nic_element(name: str, businfo: str, mac: str) -> str:
    return (
        f'<node id="network" class="network"><businfo>{businfo}</businfo>'
        f"<logicalname>{name}</logicalname><serial>{mac}</serial>"
        '<size units="bit/s">10000000000</size></node>'
    )


TERABYTE = 10**12

LSHW = an_lshw(
    '<node class="processor"><businfo>cpu@0</businfo><logicalname>cpu0</logicalname></node>',
    '<node class="storage"><businfo>pci@0000:02:00.0</businfo><logicalname>scsi0</logicalname>',
    a_disk_element("sda", "scsi@0:2.0.0", TERABYTE, "WD-1234"),
    a_disk_element("sdb", "scsi@0:2.1.0", TERABYTE, "WD-5678"),
    "</node>",
    a_nic_element("eno1", "pci@0000:19:00.0", "52:54:00:aa:00:01"),
    a_nic_element("eno2", "pci@0000:19:00.1", "52:54:00:aa:00:02"),
)
