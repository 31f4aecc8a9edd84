"""How the site's DHCP server points at us."""

import json
import subprocess

import pytest

from drydockd.drivers.node.netboot.snippet import QUERY, SERVERS, snippet

URL = "http://10.20.0.1:9100"


@pytest.mark.parametrize("server", sorted(SERVERS))
def test_each_leads_firmware_to_ipxe_and_ipxe_to_us(server):
    text = snippet(server, URL)
    assert f"{URL}{QUERY}" in text
    assert "undionly.kpxe" in text
    assert "ipxe.efi" in text


@pytest.mark.peer("dnsmasq")
def test_dnsmasq_takes_its_own(tmp_path):
    conf = tmp_path / "conf"
    lines = snippet("dnsmasq", URL).replace("TFTP-ADDRESS", "10.20.0.2")
    conf.write_text(lines + "dhcp-range=10.20.0.100,10.20.0.199\n")
    done = subprocess.run(["/usr/sbin/dnsmasq", "--test", "-C", conf], capture_output=True)
    assert done.returncode == 0, done.stderr


def test_that_of_kea_is_json_below_its_comment():
    classes = json.loads(snippet("kea", URL).partition("\n")[2])["client-classes"]
    assert [one["name"] for one in classes] == ["drydock-ipxe", "drydock-uefi", "drydock-bios"]
