"""The certificate of a lab is one that its machines take."""

import stat

from drydockd.drivers.node.netboot.certificate import load_certificate
from drydockd.drivers.node.netboot.options import NetbootOptions
from drydockd.room.qemu.certificate import write_certificate


def test_it_is_good_at_both_addresses_and_its_key_is_its_owners(tmp_path):
    certificate, key = write_certificate(tmp_path, ("10.221.3.1", "10.222.3.1"))
    options = NetbootOptions(
        base_url="http://10.221.3.1:9100", report_url="https://10.222.3.1:9500",
        tls_cert=certificate, tls_key=key,
    )  # fmt: skip
    assert load_certificate(options).ca == certificate.read_text()
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
