"""The Ansible role on a real host: from nothing to a deployment; a second run changes nothing."""

import json
import os
import re
import shutil
import subprocess

import pytest
import yaml

from tests.packages import ROOT
from tests.peers.guest import CONFIGURATION
from tests.peers.table import PEERS

ANSIBLE = ROOT / "packaging" / "ansible"
PROGRAMS = PEERS["packaging"].environment / "bin"
SECRET = "a-password-nobody-may-see"
SECRETS = {"keystone_authtoken.password": SECRET}
CONFIG = {
    "api": {"public_url": "http://localhost:9000"},
    "auth": {"strategy": ["jwt"]},
    "network": {"allowed_roots": ["/srv/designs"]},
    "plugins": {"oob_driver": ["fake"], "node_driver": "fake", "kubernetes_driver": "fake"},
}
DEPLOY = """
set -e
export DD_URL=http://localhost:9000 OS_TOKEN=$(drydock token create --user ann --role admin)
cp /opt/drydockd/share/drydockd/example-site/site.yaml /srv/designs
site=file:///srv/designs/site.yaml
drydock task create --design-ref $site --action prepare_site --block
drydock task create --design-ref $site --action prepare_nodes --node-names a01-control --block
drydock task create --design-ref $site --action deploy_nodes --node-names a01-control --block
drydock node list
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.process,
    pytest.mark.peer("packaging"),
    pytest.mark.xdist_group("guest-ansible"),
]


@pytest.fixture(scope="module")
def play(machine, package, tmp_path_factory):
    """Return a function that runs the playbook on the machine: exit code, sums, what it said."""
    # What Ansible needs of every host before it can do anything; and where the designs will be,
    # without which the check of the configuration refuses it.
    machine.run(
        "apt-get -qq install -y --no-install-recommends python3 python3-apt; mkdir /srv/designs",
        seconds=300,
    )
    folder = tmp_path_factory.mktemp("ansible")
    shutil.copytree(ANSIBLE / "roles", folder / "roles")
    shutil.copy(ANSIBLE / "playbook.yml", folder)
    settings = {"ansible_connection": "guest", "ansible_guest_leader": machine.leader}
    settings |= {"ansible_python_interpreter": "/usr/bin/python3", "ansible_become": False}
    hosts = {"drydockd": {"hosts": {"machine": settings}}}
    (folder / "hosts.yml").write_text(yaml.safe_dump(hosts))

    def play(*options, code=0, **variables):
        said = {"drydockd_package": str(package), "drydockd_config": CONFIG, **variables}
        (folder / "variables.json").write_text(json.dumps(said))
        done = subprocess.run(
            [
                *(PROGRAMS / "ansible-playbook", "--inventory", "hosts.yml", "playbook.yml"),
                *("--extra-vars", "@variables.json", *options),
            ],
            cwd=folder,
            env={
                "PATH": f"{PROGRAMS}:{os.environ['PATH']}",
                "HOME": str(folder),
                "LC_ALL": "C.UTF-8",
                "ANSIBLE_CONNECTION_PLUGINS": str(ROOT / "tests/packaging/connections"),
                "ANSIBLE_NOCOLOR": "1",
                "ANSIBLE_PIPELINING": "1",
            },
            capture_output=True,
            text=True,
            timeout=600,
        )
        text = done.stdout + done.stderr
        assert (done.returncode == 0) == (code == 0), text
        sums = re.findall(r"(ok|changed|failed)=(\d+)", text)
        return {name: int(number) for name, number in sums}, text

    return play


def test_check_mode_on_a_host_without_it_says_what_would_come_and_does_nothing(play, machine):
    sums, _ = play("--check")
    assert sums["changed"] > 0
    assert not (machine.folder / "opt/drydockd").exists()
    assert not (machine.folder / "var/cache/drydockd").exists()


def test_the_first_run_ends_with_a_daemon_that_deploys(play, machine):
    sums, text = play("--diff", "-v", drydockd_secrets=SECRETS)
    assert sums["changed"] > 3
    assert SECRET not in text
    rows = machine.run(DEPLOY, seconds=300)
    assert re.search(r"^\| a01-control .*Deployed", rows, re.MULTILINE), rows
    form = "stat --format '%A %U:%G' /etc/drydockd/secrets/keystone_authtoken.password"
    assert machine.run(form).strip() == "-rw-r----- root:drydockd"


def test_a_second_run_changes_nothing_nor_would_a_third(play):
    sums, text = play(drydockd_secrets=SECRETS)
    assert (sums["changed"], sums["failed"]) == (0, 0), text
    assert play("--check", drydockd_secrets=SECRETS)[0]["changed"] == 0


def test_a_change_restarts_the_daemon_once_and_check_mode_only_says_so(play, machine):
    main = "systemctl show --property MainPID --value drydockd.service"
    before, pid = machine.read(CONFIGURATION), machine.run(main)
    changed = {**CONFIG, "logging": {"log_level": "DEBUG"}}
    assert play("--check", drydockd_config=changed, drydockd_secrets=SECRETS)[0]["changed"] > 0
    assert (machine.read(CONFIGURATION), machine.run(main)) == (before, pid)
    sums, _ = play(drydockd_config=changed, drydockd_secrets=SECRETS)
    assert sums["changed"] == 2  # the file, and the restart
    assert machine.run(main) != pid


def test_a_configuration_that_the_check_refuses_replaces_nothing(play, machine):
    before = machine.read(CONFIGURATION)
    wrong = {**CONFIG, "logging": {"log_lvel": "DEBUG"}}
    _, text = play(code=2, drydockd_config=wrong, drydockd_secrets=SECRETS)
    assert "log_lvel" in text
    assert machine.read(CONFIGURATION) == before
    assert machine.run("systemctl is-active drydockd.service").strip() == "active"


@pytest.mark.skipif(
    os.environ.get("DRYDOCKD_PACKAGES") != "1", reason="takes its time: make deb-check"
)
def test_the_role_and_the_example_pass_the_linter():
    done = subprocess.run(
        [PROGRAMS / "ansible-lint", "--offline", "--nocolor", "--strict", "."],
        cwd=ANSIBLE,
        env={**os.environ, "PATH": f"{PROGRAMS}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
