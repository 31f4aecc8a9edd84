"""The Debian package in a real systemd: it comes, runs, is replaced and goes, in this order."""

import hashlib
import json
import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

import drydockd
from tests.packaging.conftest import NEWER
from tests.peers.debian import deb
from tests.peers.guest import CONFIGURATION

pytestmark = [pytest.mark.slow, pytest.mark.process, pytest.mark.xdist_group("guest-deb")]

STATE = "/var/lib/drydockd"
UNITS = "drydockd.socket drydockd.service"
HEALTH = "curl --silent --fail --show-error http://localhost:9000/api/v1.0/health"
INSTALL = (
    "DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends"
    " -o Dpkg::Options::=--force-confold"
)
CONFIG = """
api:
  public_url: http://localhost:9000
auth:
  strategy: [jwt]
network:
  allowed_roots: [/srv/designs]
plugins:
  oob_driver: [fake]
  node_driver: fake
  kubernetes_driver: fake
"""
DEPLOY = """
export DD_URL=http://localhost:9000 OS_TOKEN=$(drydock token create --user ann --role admin)
site=file:///srv/designs/site.yaml
drydock task create --design-ref $site --action prepare_site --block
drydock task create --design-ref $site --action prepare_nodes --node-names a01-control --block
drydock task create --design-ref $site --action deploy_nodes --node-names a01-control --block
"""
TASKS = (
    "export DD_URL=http://localhost:9000 OS_TOKEN=$(drydock token create --user ann --role admin)\n"
    "drydock task list"
)


@pytest.fixture(scope="module")
def here(machine, package, newer):
    shutil.copy(package, machine.folder / "root/one.deb")
    shutil.copy(newer, machine.folder / "root/newer.deb")
    return machine


def states(here, question="is-active"):
    return here.run(f"systemctl {question} {UNITS}", code=None).split()


def test_the_same_package_is_built_wherever_that_is(package, tmp_path):
    (wheel,) = (package.parents[1] / "dist").glob("*.whl")
    again = deb(tmp_path, wheel)
    assert again != package
    sums = [hashlib.sha256(path.read_bytes()).hexdigest() for path in (package, again)]
    assert sums[0] == sums[1]


@pytest.mark.peer("lintian")
def test_lintian_finds_no_errors(package):
    lint = ["lintian", "--allow-root", "--fail-on=none", "--no-cfg", str(package)]
    said = subprocess.run(lint, capture_output=True, text=True, timeout=300, check=True)
    found = [line for line in said.stdout.splitlines() if line[:2] in ("E:", "W:")]
    assert found == []


def test_a_first_installation_starts_nothing_that_is_not_configured(here):
    said = here.run(f"{INSTALL} ./one.deb curl", seconds=300)
    assert "not started, as the configuration is not complete yet" in said
    assert "keystone_authtoken.auth_url" in said
    assert states(here) == ["inactive", "inactive"]
    assert states(here, "is-enabled") == ["enabled", "enabled"]
    assert here.run("systemctl is-enabled drydockd-dnsmasq.path", code=1).strip() == "disabled"
    assert here.run("systemctl --failed --quiet --no-legend") == ""


def test_user_folders_and_files_are_as_they_should_be(here):
    form = f"stat --format '%A %U:%G %n' {STATE} {CONFIGURATION} /etc/drydockd/policy.yaml"
    assert here.run(form).splitlines() == [
        f"drwx------ drydockd:drydockd {STATE}",
        f"-rw-r----- root:drydockd {CONFIGURATION}",
        "-rw-r--r-- root:root /etc/drydockd/policy.yaml",
    ]
    assert here.run("getent passwd drydockd").strip().endswith(":/usr/sbin/nologin")
    assert here.run("drydockd --version").strip().endswith(drydockd.__version__)
    # The venv's python is Debian's, and nothing is left to be compiled at a start.
    assert here.run("readlink -f /opt/drydockd/bin/python").strip() == "/usr/bin/python3.11"
    package = "/opt/drydockd/lib/python3.11/site-packages/drydockd"
    assert here.run(f"ls {package}/__pycache__/app.*.pyc")
    assert here.run("dpkg --verify drydockd") == f"??5?????? c {CONFIGURATION}\n" or not here.run(
        "dpkg --verify drydockd"
    )


def test_the_manual_and_the_completion_are_where_they_are_looked_for(here):
    pages = {path.name for path in (here.folder / "usr/share/man").glob("man?/drydock*")}
    assert {"drydockd.8.gz", "drydock.1.gz", "drydock-task-create.1.gz"} <= pages
    complete = (
        "COMP_WORDS=(drydock tas) COMP_CWORD=1\n"
        ". /usr/share/bash-completion/completions/drydock\n"
        "_drydock_completion drydock; echo ${COMPREPLY[@]}"
    )
    assert here.run(complete).split() == ["task"]


def test_the_venv_is_what_its_records_say(here):
    code = (
        "import importlib.metadata as m, hashlib, base64, sys\n"
        "wrong = [str(f) for d in m.distributions() for f in d.files if f.hash and"
        " base64.urlsafe_b64encode(hashlib.new(f.hash.mode, f.locate().read_bytes()).digest())"
        ".rstrip(b'=').decode() != f.hash.value]\n"
        "print(len(list(m.distributions())), wrong)"
    )
    number, _, wrong = here.run(f'/opt/drydockd/bin/python -c "{code}"').strip().partition(" ")
    assert int(number) > 40
    assert wrong == "[]"


def test_it_runs_and_deploys_and_the_journal_has_it(here):
    here.write(CONFIGURATION, CONFIG)
    here.run(
        "install -d /srv/designs\n"
        "cp /opt/drydockd/share/drydockd/example-site/site.yaml /srv/designs\n"
        f"systemctl start {UNITS}"
    )
    here.run(HEALTH)
    here.run(f"set -e\n{DEPLOY}", seconds=300)
    here.run("journalctl --sync")
    lines = here.run("journalctl --unit drydockd.service --output json --no-pager").splitlines()
    said = [json.loads(line) for line in lines]
    own = [e["MESSAGE"] for e in said if e.get("SYSLOG_IDENTIFIER") == "drydockd"]
    assert [text for text in own if "deploy_nodes" in text], own[-20:]


def test_the_unit_is_as_closed_as_the_one_of_the_checkout(here):
    # As tests/daemon/test_units.py has it; here systemd judges what it runs.
    said = here.run("systemd-analyze security --no-pager drydockd.service")
    level = float(said.split("exposure level for drydockd.service: ")[1].split()[0])
    assert level <= 1.5, said[-200:]


def test_an_upgrade_keeps_records_and_configuration_and_runs_the_new_one(here):
    before = here.run(TASKS)
    assert "deploy_nodes" in before
    pid = here.run("systemctl show --property MainPID --value drydockd.service").strip()
    here.write("/etc/drydockd/policy.yaml", "# mine\n")
    here.run(f"{INSTALL} ./newer.deb", seconds=300)
    version = here.run("dpkg-query --show --showformat '${Version}' drydockd")
    assert version == NEWER
    assert states(here) == ["active", "active"]
    assert here.run("systemctl show --property MainPID --value drydockd.service").strip() != pid
    assert here.run(TASKS) == before
    assert here.read(CONFIGURATION) == CONFIG
    assert here.read("/etc/drydockd/policy.yaml") == "# mine\n"
    owner = here.run(f"stat --format '%A %U:%G' {CONFIGURATION}").strip()
    assert owner == "-rw-r----- root:drydockd"
    here.run(HEALTH)


def test_what_was_stopped_or_disabled_stays_so_over_an_upgrade(here):
    here.run(f"systemctl disable --now --quiet {UNITS}")
    here.run(f"{INSTALL} --allow-downgrades ./one.deb", seconds=300)
    assert states(here) == ["inactive", "inactive"]
    assert states(here, "is-enabled") == ["disabled", "disabled"]
    here.run(f"systemctl enable --now --quiet {UNITS}; {HEALTH}")


def test_a_removal_ends_it_and_keeps_records_and_configuration(here):
    here.run("DEBIAN_FRONTEND=noninteractive apt-get -qq remove -y drydockd")
    assert "active" not in states(here)
    assert here.run("pgrep --uid drydockd || ls /proc/*/root >/dev/null", code=None) is not None
    assert not (here.folder / "opt/drydockd").exists()
    assert not (here.folder / "usr/bin/drydockd").is_symlink()
    assert here.read(CONFIGURATION) == CONFIG
    assert (here.folder / "var/lib/drydockd").is_dir()
    assert _ports(here) == []


def _ports(here):
    """Return the TCP ports on which anything listens there."""
    rows = here.run("cat /proc/net/tcp /proc/net/tcp6").splitlines()
    fields = [row.split() for row in rows if not row.lstrip().startswith("sl")]
    return [int(field[1].rpartition(":")[2], 16) for field in fields if field[3] == "0A"]


def test_the_next_installation_goes_on_where_the_last_one_ended(here):
    here.run(f"{INSTALL} ./newer.deb", seconds=300)
    assert states(here) == ["active", "active"]
    assert "deploy_nodes" in here.run(TASKS)


def test_a_purge_takes_the_configuration_asks_nothing_and_names_the_records(here):
    purge = "apt-get -qq purge -y drydockd </dev/null"
    assert f"its records stay in {STATE}" in here.run(purge)
    assert not os.path.lexists(here.folder / "etc/drydockd")
    assert stat.S_ISDIR(Path(here.folder / "var/lib/drydockd").stat().st_mode)
    found = here.run(
        "find /etc /lib/systemd /usr/lib /usr/share /opt -name '*drydockd*' -print; "
        "systemctl list-unit-files --no-legend 'drydockd*'; dpkg-query --list drydockd || true"
    )
    assert "drydockd" not in found.replace("no packages found matching drydockd", ""), found
    assert "active" not in states(here)
    assert _ports(here) == []
    assert here.run("systemctl --failed --quiet --no-legend") == ""
