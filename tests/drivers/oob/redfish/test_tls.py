"""TLS to BMCs, with real certificates. Contract, oob-faults, C.25."""

import ssl
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from drydockd.drivers.oob.redfish.fingerprints import fingerprint_of, shown
from drydockd.drivers.oob.redfish.options import RedfishOptions
from drydockd.drivers.oob.redfish.tls import TlsContexts, explained, oddities, reason_of
from drydockd.errors import DriverPersistent, DriverTransient, InvalidInput
from drydockd.machines import PowerState
from tests.peers.bmc import Machine
from tests.peers.certificates import Authority, only_tls_1_0


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture
def https(lab, authority):
    """Make a lab whose BMC speaks TLS."""

    async def make(*machines, options=None, context=None, **certificate):
        made, found = authority.context(**certificate)
        options = {"use_ssl": True, **(options or {})}
        a = await lab(*machines, context=context or made, options=options)
        a.fingerprint = fingerprint_of(found.public_bytes(Encoding.DER))
        return a

    return make


async def refused(a):
    with pytest.raises(DriverPersistent) as caught:
        await a.state()
    assert a.bmc.asked == [], "a request was sent to whom nobody trusts"
    return str(caught.value)


async def test_a_certificate_of_the_given_ca_is_taken(https, authority):
    a = await https(Machine(power="On"), options={"ca_file": authority.file})
    await a.off()
    facts = await a.facts()
    assert facts.tls.startswith("TLSv1.3, TLS_AES_256_GCM_SHA384, verified, SHA-256 ")
    assert facts.odd == ()


async def test_without_a_ca_nothing_is_checked_and_that_is_told(https):
    a = await https(is_self_signed=True)
    facts = await a.facts()
    assert facts.tls == (
        f"TLSv1.3, TLS_AES_256_GCM_SHA384, not verified, SHA-256 {shown(a.fingerprint)}"
    )
    assert facts.odd == ("its certificate is not verified; name its CA, or pin its fingerprint",)


@pytest.mark.parametrize(
    ("certificate", "why"),
    [
        ({"name": "expired", "days": -3}, "certificate has expired"),
        ({"name": "other", "address": "10.9.9.9"}, "IP address mismatch"),
        ({"name": "self", "is_self_signed": True}, "self-signed certificate"),
    ],
)
async def test_a_certificate_that_is_not_good_is_told_with_what_helps(
    https, authority, certificate, why
):
    a = await https(options={"ca_file": authority.file}, **certificate)
    text = await refused(a)
    assert text.startswith(f"n1: BMC 127.0.0.1:{a.bmc.port}: GET /redfish/v1/ to find the service")
    assert "its certificate is refused: " in text
    assert why in text
    assert "pin it in redfish_driver.fingerprints" in text


async def test_a_node_may_be_left_unchecked(https, authority, lab):
    made, _ = authority.context("self2", is_self_signed=True)
    a = await lab(
        context=made, options={"use_ssl": True, "ca_file": authority.file}, verify="false"
    )
    assert await a.state() is PowerState.OFF


@pytest.mark.parametrize("key", ["127.0.0.1", "n1"])
async def test_a_pinned_certificate_is_taken_though_nobody_vouches_for_it(https, authority, key):
    a = await https(name="pinned", is_self_signed=True, address="10.9.9.9", days=-1)
    a.driver = type(a.driver)(
        RedfishOptions(fingerprints={key: a.fingerprint}, ca_file=authority.file)
    )
    facts = await a.facts()
    assert "certificate pinned" in facts.tls
    assert [odd[:27] for odd in facts.odd] == ["its certificate expired on "]


async def test_another_certificate_than_the_pinned_one_gets_no_request(https):
    wrong = "ab" * 32
    a = await https(options={"fingerprints": {"127.0.0.1": wrong}})
    text = await refused(a)
    assert f"its certificate has the fingerprint {shown(a.fingerprint)}, not the pinned" in text
    assert "else someone is in between" in text


async def test_a_port_without_tls_is_told(lab, plain_server):
    async def answer(reader, writer):
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()

    a = await lab(options={"use_ssl": True}, port=str(await plain_server(answer)))
    with pytest.raises(DriverPersistent, match="it does not speak TLS on this port; correct oob"):
        await a.state()


async def test_a_bmc_that_closes_in_the_handshake_may_be_there_in_a_moment(lab, plain_server):
    async def close(reader, writer):
        await reader.read(1)

    a = await lab(options={"use_ssl": True}, port=str(await plain_server(close)))
    with pytest.raises(
        DriverTransient, match=r"the TLS handshake failed \(the connection was closed\), 4 times"
    ):
        await a.state()


async def test_an_old_bmc_is_told_which_option_it_needs(https, authority):
    made, _ = authority.context("old", is_self_signed=True)
    a = await https(context=only_tls_1_0(made))
    text = await refused(a)
    assert "no TLS that both sides accept" in text
    assert "set redfish_driver.tls_legacy to true" in text


async def test_an_old_bmc_is_spoken_to_with_that_option(https, authority):
    made, _ = authority.context("older", is_self_signed=True)
    a = await https(context=only_tls_1_0(made), options={"tls_legacy": True})
    facts = await a.facts()
    assert facts.tls.startswith("TLSv1, ")
    assert "it speaks TLSv1, which is no longer safe" in facts.odd


async def test_a_weak_key_is_accepted_only_with_that_option(https, authority):
    made, _ = authority.context("weak", is_self_signed=True, weak_bits=1024)
    a = await https(context=made, options={"tls_legacy": True})
    assert await a.state() is PowerState.OFF


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ssl.SSLError(1, "[SSL: X] unsupported protocol (_ssl.c:992)"), "UNSUPPORTED_PROTOCOL"),
        (
            ssl.SSLError(1, "unexpected eof while reading (_ssl.c:1)"),
            "UNEXPECTED_EOF_WHILE_READING",
        ),
        (ssl.SSLError(), ""),
    ],
)
def test_a_reason_that_python_has_no_name_for_is_read_from_its_text(error, reason):
    assert reason_of(error) == reason


async def test_contexts_are_made_once_and_shared():
    contexts = TlsContexts(RedfishOptions())
    first = await contexts.get(verify=False, fingerprint=None)
    assert await contexts.get(verify=False, fingerprint=None) is first
    pinned = await contexts.get(verify=True, fingerprint="ab" * 32)
    assert pinned is not first
    assert await contexts.get(verify=False, fingerprint="ab" * 32) is pinned


async def test_checking_without_a_ca_file_uses_those_of_the_system():
    context = await TlsContexts(RedfishOptions()).get(verify=True, fingerprint=None)
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


@pytest.mark.parametrize("content", [None, b"no certificate"])
def test_a_ca_file_that_is_none_is_refused_at_the_start(tmp_path, content):
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(InvalidInput, match=rf"ca_file {file}: "):
        TlsContexts(RedfishOptions(ca_file=file))


def test_an_unknown_trouble_is_not_explained():
    assert explained(ssl.SSLError("odd")) is None


class Certificate:
    """What `oddities` asks of a connection."""

    def __init__(self, der, version="TLSv1.3"):
        self._der, self._version = der, version

    def version(self):
        return self._version

    def getpeercert(self, binary_form):
        return self._der


def test_a_certificate_out_of_its_time_is_odd(authority):
    _, certificate = authority.context("times", days=10)
    seen = Certificate(certificate.public_bytes(Encoding.DER))
    assert list(oddities(seen)) == []
    assert "expired on" in next(oddities(seen, datetime(2099, 1, 1, tzinfo=UTC)))
    assert "valid only from" in next(oddities(seen, datetime(2000, 1, 1, tzinfo=UTC)))
    assert list(oddities(Certificate(b"x"))) == ["its certificate cannot be read"]
    assert list(oddities(Certificate(None))) == []
