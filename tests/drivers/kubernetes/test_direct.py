"""The labels of nodes at an API server: ours set and taken back, others' left."""

import asyncio
import json
import ssl
import subprocess

import pytest

from drydockd.drivers import load
from drydockd.drivers.kubernetes.access import access_of
from drydockd.drivers.kubernetes.direct import LOOK_SECONDS, DirectKubernetes
from drydockd.drivers.kubernetes.options import DirectOptions
from drydockd.drivers.kubernetes.ownership import ANNOTATION
from drydockd.errors import (
    DriverPersistent,
    DriverTransient,
    DriverUnsupported,
    InvalidConfig,
    NodeUnknown,
)
from tests.drivers.kubernetes.helpers import NODE, driver_for
from tests.peers.certificates import Authority
from tests.peers.kubernetes import TOKEN, serving
from tests.peers.table import PEERS


async def test_ours_are_set_changed_and_removed_and_others_stay():
    async with serving("n1") as api, driver_for(api) as driver:
        api.touch("n1", foreign="x")
        await driver.relabel("n1", {"rack": "r1", "role": "worker"})
        await driver.relabel("n1", {"rack": "r2"})
        assert api.labels("n1") == {
            "kubernetes.io/hostname": "n1",
            "kubernetes.io/os": "linux",
            "foreign": "x",
            "rack": "r2",
        }
        assert json.loads(api.annotations("n1")[ANNOTATION]) == ["rack"]
        assert api.annotations("n1")["node.alpha.kubernetes.io/ttl"] == "0"
        await driver.relabel("n1", {})
        assert "rack" not in api.labels("n1")
        assert api.annotations("n1")[ANNOTATION] == "[]"


async def test_twice_is_once():
    async with serving("n1") as api, driver_for(api) as driver:
        for _ in range(3):
            await driver.relabel("n1", {"rack": "r1"})
        assert (api.count("GET"), api.count("PATCH")) == (3, 1)


async def test_labels_and_annotation_are_one_patch_with_the_version_that_was_read():
    async with serving("n1") as api, driver_for(api) as driver:
        await driver.relabel("n1", {"rack": "r1"})
        [patch] = api.patches
        assert set(patch["metadata"]) == {"labels", "annotations", "resourceVersion"}


async def test_a_node_changed_in_between_is_read_again():
    async with serving("n1") as api, driver_for(api) as driver:
        rule = api.rule("GET", NODE, times=3, after=lambda: api.touch("n1", other=str(rule.hits)))
        await driver.relabel("n1", {"rack": "r1"})
        assert (api.labels("n1")["rack"], api.labels("n1")["other"]) == ("r1", "3")
        assert (api.count("GET"), api.count("PATCH")) == (4, 4)


async def test_a_node_that_never_stands_still_is_transient():
    async with serving("n1") as api, driver_for(api) as driver:
        api.rule("GET", NODE, after=lambda: api.moved("n1"))
        with pytest.raises(DriverTransient, match=r"HTTP 409 Conflict: .* 4 times in a row"):
            await driver.relabel("n1", {"rack": "r1"})
        assert api.count("PATCH") == 4


async def test_two_relabels_at_once_both_end_and_one_of_them_is_there():
    async with serving("n1") as api, driver_for(api) as driver:
        await asyncio.gather(
            driver.relabel("n1", {"rack": "r1", "a": "1"}), driver.relabel("n1", {"rack": "r2"})
        )
        ours = {k: v for k, v in api.labels("n1").items() if "/" not in k}
        assert ours in ({"rack": "r1", "a": "1"}, {"rack": "r2"})
        assert json.loads(api.annotations("n1")[ANNOTATION]) == sorted(ours)


@pytest.mark.parametrize("method", ["GET", "PATCH"])
async def test_a_throttled_request_says_for_how_long(method):
    async with serving("n1") as api, driver_for(api) as driver:
        api.rule(method, NODE, status=429, headers={"Retry-After": "3"}, times=1)
        with pytest.raises(DriverTransient, match=r"n1: .*HTTP 429.*alone for 3 s") as raised:
            await driver.relabel("n1", {"rack": "r1"})
        assert raised.value.retry_after == 3
        await driver.relabel("n1", {"rack": "r1"})
        assert api.labels("n1")["rack"] == "r1"


@pytest.mark.parametrize("fault", [{"status": 503}, {"status": 500}, {"cut": True}])
@pytest.mark.parametrize("method", ["GET", "PATCH"])
async def test_a_server_in_trouble_is_transient_and_then_it_goes_on(fault, method):
    async with serving("n1") as api, driver_for(api) as driver:
        api.rule(method, NODE, times=1, **fault)
        with pytest.raises(DriverTransient, match=rf"^n1: {method} http://127.*{NODE} \(to "):
            await driver.relabel("n1", {"rack": "r1"})
        await driver.relabel("n1", {"rack": "r1"})
        assert api.labels("n1")["rack"] == "r1"


async def test_an_answer_lost_after_the_patch_leaves_nothing_to_do():
    async with serving("n1") as api, driver_for(api) as driver:
        rule = api.rule("PATCH", NODE, times=1)
        applied = asyncio.Event()
        rule.after = applied.set
        call = asyncio.create_task(driver.relabel("n1", {"rack": "r1"}))
        await applied.wait()
        call.cancel()
        await asyncio.wait([call])
        await driver.relabel("n1", {"rack": "r1"})
        assert api.count("PATCH") == 1


@pytest.mark.parametrize(
    ("status", "said", "todo"),
    [
        (403, "admission webhook says no", "bind the ClusterRole of docs/kubernetes.md"),
        (422, "invalid label", "correct what it names"),
        (415, "unknown format", "correct what it names"),
    ],
)
async def test_a_refusal_tells_the_servers_reason_and_what_to_do(status, said, todo):
    async with serving("n1") as api, driver_for(api) as driver:
        api.rule("PATCH", NODE, status=status, said=said)
        with pytest.raises(DriverPersistent, match=rf"HTTP {status} .*{said}; {todo}"):
            await driver.relabel("n1", {"rack": "r1"})


async def test_labels_the_api_refuses_are_its_own_words():
    async with serving("n1") as api, driver_for(api) as driver:
        with pytest.raises(DriverPersistent, match=r"422 .*metadata.labels: Invalid value"):
            await driver.relabel("n1", {"bad key!": "x"})


async def test_a_node_the_cluster_does_not_have_is_unknown_at_once():
    async with (
        serving("n1") as api,
        driver_for(api, name_templates="{name},{name}.x.org") as driver,
    ):
        with pytest.raises(NodeUnknown, match=r"no node n2 or n2\.x\.org \(HTTP 404\)"):
            await driver.relabel("N2", {"rack": "r1"})
        assert api.count("GET") == 2


async def test_a_node_that_goes_between_read_and_write_is_unknown():
    async with serving("n1") as api, driver_for(api) as driver:
        api.rule("GET", NODE, after=lambda: api.nodes.pop("n1"))
        with pytest.raises(NodeUnknown):
            await driver.relabel("n1", {"rack": "r1"})


async def test_a_node_registered_under_its_whole_name_is_found():
    async with (
        serving("n1.x.org") as api,
        driver_for(api, name_templates="{name},{name}.x.org") as d,
    ):
        await d.relabel("N1", {"rack": "r1"})
        assert api.labels("n1.x.org")["rack"] == "r1"


async def test_a_node_that_registers_late_is_waited_for(monkeypatch):
    monkeypatch.setattr("drydockd.drivers.kubernetes.direct.LOOK_SECONDS", LOOK_SECONDS / 100)
    async with serving() as api, driver_for(api, wait_seconds=60) as driver:
        api.rule("GET", NODE, skip=2, times=1, after=lambda: api.add("n1"))
        await driver.relabel("n1", {"rack": "r1"})
        assert api.labels("n1")["rack"] == "r1"
        assert api.count("GET") == 4


async def test_a_404_of_something_in_front_is_no_unknown_node():
    async with serving("n1") as api, driver_for(api) as driver:
        api.rule("GET", NODE, status=404, body=b"<h1>nginx</h1>")
        with pytest.raises(DriverPersistent, match=r"nginx.*is that the URL of an API server"):
            await driver.relabel("n1", {"rack": "r1"})


@pytest.mark.parametrize("body", [b"hello", b"{}", b'{"metadata": 5}'])
async def test_an_answer_that_is_no_node_is_told(body):
    async with serving("n1") as api, driver_for(api) as driver:
        api.rule("GET", NODE, body=body)
        with pytest.raises(DriverPersistent, match="is that the URL of an API server"):
            await driver.relabel("n1", {"rack": "r1"})


async def test_a_redirect_is_not_followed_with_the_token():
    async with serving("n1") as api, driver_for(api) as driver:
        api.rule("GET", NODE, status=302, headers={"Location": "http://elsewhere.example/"})
        with pytest.raises(DriverPersistent, match=r"HTTP 302.*is that the URL"):
            await driver.relabel("n1", {"rack": "r1"})


async def test_a_token_rotated_in_the_middle_is_read_again(tmp_path):
    file = tmp_path / "token"
    file.write_text(TOKEN)
    async with serving("n1") as api, driver_for(api, token_file=file) as driver:
        await driver.relabel("n1", {"rack": "r1"})
        api.tokens = {"new-token"}
        file.write_text("new-token")
        await driver.relabel("n1", {"rack": "r2"})
        assert api.labels("n1")["rack"] == "r2"


async def test_an_expired_token_is_told_and_not_shown(tmp_path):
    file = tmp_path / "token"
    file.write_text("old-token-secret")
    async with serving("n1") as api, driver_for(api, token_file=file) as driver:
        api.rule("GET", NODE, skip=0, status=401, said="token old-token-secret has expired")
        with pytest.raises(DriverPersistent, match=r"HTTP 401 .*renew the token in") as raised:
            await driver.relabel("n1", {"rack": "r1"})
        assert "old-token-secret" not in str(raised.value)
        assert api.count("GET") == 1


async def test_too_many_annotations_name_the_node():
    async with serving("n1") as api, driver_for(api) as driver:
        api.annotations("n1")["other"] = "x" * (256 * 1024)
        with pytest.raises(DriverUnsupported, match=r"^n1: the node's annotations"):
            await driver.relabel("n1", {"rack": "r1"})


async def test_a_client_certificate_is_an_identity(tmp_path):
    authority = Authority(tmp_path)
    server, _ = authority.context("api")
    authority.context("client")
    server.load_verify_locations(authority.file)
    server.verify_mode = ssl.CERT_REQUIRED
    mine = {"client_certificate": tmp_path / "client.pem", "ca_file": authority.file}
    async with serving("n1", tls=server) as api, driver_for(api, **mine) as driver:
        api.needs_token = False
        await driver.relabel("n1", {"rack": "r1"})
        assert api.labels("n1")["rack"] == "r1"


async def test_a_kubeconfig_with_a_name_for_tls_is_enough(tmp_path):
    authority = Authority(tmp_path)
    server, _ = authority.context("api", address="10.9.9.9")
    async with serving("n1", tls=server) as api:
        file = kubeconfig(tmp_path, api, **{"tls-server-name": "10.9.9.9"})
        driver = DirectKubernetes(DirectOptions(kubeconfig=file))
        await driver.relabel("n1", {"rack": "r1"})
        await driver.close()
        assert api.labels("n1")["rack"] == "r1"


async def test_a_pod_labels_with_its_service_account(tmp_path):
    authority = Authority(tmp_path)
    server, _ = authority.context("api")
    authority.file.rename(tmp_path / "ca.crt")
    (tmp_path / "token").write_text(TOKEN)
    options = DirectOptions(in_cluster=True)
    async with serving("n1", tls=server) as api:
        environ = {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(api.port)}
        access = access_of(options, environ=environ, service_account=tmp_path)
        driver = DirectKubernetes(options, access=access)
        await driver.relabel("n1", {"rack": "r1"})
        await driver.close()
        assert api.labels("n1")["rack"] == "r1"


async def test_check_asks_whether_we_may_get_and_patch_nodes():
    async with serving("n1") as api, driver_for(api) as driver:
        await driver.check()
        assert api.count("POST") == 2
        api.may = {"get"}
        with pytest.raises(
            DriverPersistent, match="kubernetes_driver may not patch nodes; bind the Cluster"
        ):
            await driver.check()


async def test_check_tells_an_unknown_account_and_a_server_that_is_away():
    async with serving("n1") as api, driver_for(api, token="other") as driver:
        with pytest.raises(DriverPersistent, match=r"Kubernetes: POST .*HTTP 401"):
            await driver.check()
        await api.stop()
        with pytest.raises(DriverTransient, match="Kubernetes: POST"):
            await driver.check()


async def test_a_review_that_is_none_is_no_permission():
    async with serving("n1") as api, driver_for(api) as driver:
        api.rule("POST", ".*", status=201, body=b"{}")
        with pytest.raises(DriverPersistent, match="may not get or patch nodes"):
            await driver.check()


def test_what_is_wrong_with_the_configuration_is_told_when_it_is_read(tmp_path):
    with pytest.raises(InvalidConfig, match=r"kubernetes driver direct: .*who drydockd is"):
        load("kubernetes", "direct", {"url": "https://k:6443"})
    with pytest.raises(InvalidConfig, match=r"ca_file /no\.pem: No such file"):
        load("kubernetes", "direct", {"url": "https://k:6443", "token": "x", "ca_file": "/no.pem"})


@pytest.mark.slow
async def test_many_nodes_are_two_requests_each():
    names = [f"n{number}" for number in range(200)]
    async with serving(*names) as api, driver_for(api) as driver:
        slots = asyncio.Semaphore(64)

        async def label(name):
            async with slots:
                await driver.relabel(name, {"rack": "r1"})

        await asyncio.gather(*map(label, names))
        assert all(api.labels(name)["rack"] == "r1" for name in names)
        assert len(api.asked) == 400


# -- second opinions: what the Kubernetes project's own clients make of the same server


def kubeconfig(folder, api, **cluster):
    file = folder / "kubeconfig"
    tls = {"certificate-authority": "ca.pem"} if api.url.startswith("https") else {}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": api.url, **tls, **cluster}}],
        "users": [{"name": "u", "user": {"token": TOKEN}}],
    }
    file.write_text(json.dumps(document))
    return file


async def run(*command, environ=None):
    def call():
        return subprocess.run(command, capture_output=True, text=True, env=environ, timeout=60)

    return await asyncio.to_thread(call)


@pytest.mark.peer("kubectl")
@pytest.mark.process
@pytest.mark.slow
async def test_kubectl_sees_and_changes_what_the_driver_does(tmp_path):
    authority = Authority(tmp_path)
    server, _ = authority.context("api")
    async with serving("n1", tls=server) as api:
        file = kubeconfig(tmp_path, api)
        environ = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(tmp_path)}

        async def kubectl(*arguments):
            return await run("kubectl", "--kubeconfig", str(file), *arguments, environ=environ)

        driver = DirectKubernetes(DirectOptions(kubeconfig=file))
        await driver.relabel("n1", {"rack": "r1", "role": "worker"})
        seen = await kubectl("get", "node", "n1", "-o", "jsonpath={.metadata.labels.rack}")
        assert seen.stdout == "r1", seen.stderr
        done = await kubectl("label", "--overwrite", "node", "n1", "rack=r9", "theirs=x")
        assert done.returncode == 0, done.stderr
        assert (await kubectl("label", "node", "n1", "a=b c")).returncode != 0
        missing = await kubectl("label", "node", "nobody", "a=b")
        assert 'nodes "nobody" not found' in missing.stderr
        await driver.relabel("n1", {"rack": "r2"})
        await driver.close()
        labels = {key: value for key, value in api.labels("n1").items() if "/" not in key}
        assert labels == {"rack": "r2", "theirs": "x"}


CLIENT = """\
import json, sys
from kubernetes import client, config
config.load_kube_config(sys.argv[1])
api = client.CoreV1Api()
found = {}
api.patch_node("n1", {"metadata": {"labels": {"theirs": "x", "gone": None}}})
found["labels"] = api.read_node("n1").metadata.labels
for name, call in {
    "missing": lambda: api.read_node("nobody"),
    "invalid": lambda: api.patch_node("n1", {"metadata": {"labels": {"bad key!": "x"}}}),
    "conflict": lambda: api.patch_node("n1", {"metadata": {"resourceVersion": "1"}}),
}.items():
    try:
        call()
    except client.ApiException as error:
        found[name] = [error.status, json.loads(error.body)["reason"]]
review = client.V1SelfSubjectAccessReview(spec=client.V1SelfSubjectAccessReviewSpec(
    resource_attributes=client.V1ResourceAttributes(verb="patch", resource="nodes")))
answer = client.AuthorizationV1Api().create_self_subject_access_review(review)
found["allowed"] = answer.status.allowed
print(json.dumps(found))
"""


@pytest.mark.peer("kubernetes")
@pytest.mark.process
@pytest.mark.slow
async def test_the_projects_client_takes_the_same_server_for_one(tmp_path):
    python = PEERS["kubernetes"].environment / "bin" / "python"
    authority = Authority(tmp_path)
    server, _ = authority.context("api")
    async with serving("n1", tls=server) as api:
        file = kubeconfig(tmp_path, api)
        driver = DirectKubernetes(DirectOptions(kubeconfig=file))
        await driver.relabel("n1", {"rack": "r1", "gone": "x"})
        done = await run(str(python), "-c", CLIENT, str(file), environ={"HOME": str(tmp_path)})
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout)
        assert found["labels"]["rack"] == "r1"
        assert found["labels"]["theirs"] == "x"
        assert "gone" not in found["labels"]
        assert found["missing"] == [404, "NotFound"]
        assert found["invalid"] == [422, "Invalid"]
        assert found["conflict"] == [409, "Conflict"]
        assert found["allowed"] is True
        await driver.relabel("n1", {"rack": "r1"})
        await driver.close()
        assert api.labels("n1")["theirs"] == "x"
