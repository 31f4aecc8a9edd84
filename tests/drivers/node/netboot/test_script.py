"""iPXE scripts."""

import pytest

from drydockd.drivers.node.netboot.script import LOCAL_BOOT, AgentFiles, AgentStart, agent_script

START = AgentStart(
    "http://10.0.0.1:9100", AgentFiles("a" * 64, "b" * 64), "52:54:00:00:00:01", "t" * 64
)


def test_the_script_names_both_files_by_digest_and_carries_the_token_once():
    text = agent_script(START)
    assert text.splitlines()[0] == "#!ipxe"
    assert f"kernel http://10.0.0.1:9100/boot/files/{'a' * 64}/vmlinuz initrd=initrd " in text
    assert f"initrd http://10.0.0.1:9100/boot/files/{'b' * 64}/initrd\nboot\n" in text
    assert text.count("t" * 64) == 1
    assert "BOOTIF=52:54:00:00:00:01" in text


def test_a_machine_without_authority_gets_no_token():
    start = AgentStart(START.base_url, START.files, START.mac, console=("ttyS0,115200",))
    text = agent_script(start)
    assert "drydock.token" not in text
    assert "console=ttyS0,115200" in text


def test_the_token_is_not_in_what_a_log_would_show():
    assert "t" * 64 not in repr(START)


@pytest.mark.parametrize("params", ["x=" + "y" * 2048, "a=\u00fc"])
def test_what_the_kernel_would_cut_or_ipxe_garble_is_refused(params):
    start = AgentStart(START.base_url, START.files, START.mac, params=params)
    with pytest.raises(ValueError, match="kernel"):
        agent_script(start)


def test_local_boot_lets_the_firmware_go_on():
    assert LOCAL_BOOT == "#!ipxe\nexit 1\n"
