"""Where the API server is, and who we are there."""

import pytest

from drydockd.drivers.kubernetes.access import access_of
from drydockd.drivers.kubernetes.options import DirectOptions
from drydockd.errors import InvalidInput
from tests.drivers.kubernetes.test_kubeconfig import SECRET, config
from tests.peers.certificates import Authority


async def test_options_say_it_themselves(tmp_path):
    ca = Authority(tmp_path).file
    access = access_of(DirectOptions(url="https://k:6443/", ca_file=ca, token="abc"))
    assert (access.url, access.source) == ("https://k:6443", "kubernetes_driver")
    assert await access.bearer.value() == "abc"
    assert len(access.context.get_ca_certs()) == 1
    assert "abc" not in repr(access)


def test_the_server_must_be_somewhere():
    with pytest.raises(InvalidInput, match="give url, kubeconfig or in_cluster"):
        access_of(DirectOptions())


def test_somebody_must_be_drydockd():
    with pytest.raises(InvalidInput, match="says not who drydockd is"):
        access_of(DirectOptions(url="https://k:6443"))


@pytest.mark.parametrize("url", ["http://k.example", "http://10.0.0.1:8080"])
def test_a_token_never_crosses_the_network_readable(url):
    with pytest.raises(InvalidInput, match="is not https"):
        access_of(DirectOptions(url=url, token="abc"))


@pytest.mark.parametrize("url", ["http://localhost:8001", "http://[::1]:8001"])
def test_a_proxy_on_this_machine_may_be_http(url):
    assert access_of(DirectOptions(url=url, token="abc")).context is None


async def test_a_kubeconfig_says_both(tmp_path):
    Authority(tmp_path)
    file = config(tmp_path, cluster={"certificate-authority": "ca.pem"})
    access = access_of(DirectOptions(kubeconfig=file))
    assert access.url == "https://k:6443"
    assert access.source == f"kubernetes_driver.kubeconfig {file}"
    assert await access.bearer.value() == SECRET


def test_a_wrong_file_of_a_kubeconfig_is_named_as_it_is_there(tmp_path):
    file = config(tmp_path, cluster={"certificate-authority": "no.pem"})
    with pytest.raises(InvalidInput, match=r"config: certificate-authority .*no\.pem: No such"):
        access_of(DirectOptions(kubeconfig=file))


@pytest.mark.parametrize(("host", "url"), [("10.0.0.1", "10.0.0.1"), ("fd00::1", "[fd00::1]")])
async def test_a_pod_has_its_service_account(tmp_path, host, url):
    Authority(tmp_path).file.rename(tmp_path / "ca.crt")
    (tmp_path / "token").write_text("abc")
    environ = {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": "443"}
    access = access_of(DirectOptions(in_cluster=True), environ=environ, service_account=tmp_path)
    assert access.url == f"https://{url}:443"
    assert await access.bearer.value() == "abc"


def test_outside_a_pod_there_is_none(tmp_path):
    with pytest.raises(InvalidInput, match=r"KUBERNETES_SERVICE_HOST and .* are not set"):
        access_of(DirectOptions(in_cluster=True), environ={}, service_account=tmp_path)
    environ = {"KUBERNETES_SERVICE_HOST": "h", "KUBERNETES_SERVICE_PORT": "443"}
    with pytest.raises(InvalidInput, match="automountServiceAccountToken"):
        access_of(DirectOptions(in_cluster=True), environ=environ, service_account=tmp_path)
