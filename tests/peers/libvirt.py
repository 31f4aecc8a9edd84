"""A real hypervisor for tests: libvirtd and an sshd before it, for this run only.

They run in namespaces of their own with empty folders where libvirt keeps what it knows: nothing of
the host's is seen, and nothing is left. `hypervisor` has libvirt's test driver (machines that
take no time, `define`) and QEMU's.
"""

import os
import shutil
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

INSIDE = """\
set -e
folder=$1 port=$2
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C
for path in /etc/libvirt /var/lib/libvirt /var/cache/libvirt /var/log/libvirt /run; do
  mkdir -p $path
  mount -t tmpfs tmpfs $path
done
mkdir -p /run/sshd /run/libvirt
cat > /etc/libvirt/qemu.conf <<END
user = "root"
group = "root"
security_driver = "none"
cgroup_controllers = [ ]
namespaces = [ ]
remember_owner = 0
END
echo 'auth_unix_rw = "none"' > /etc/libvirt/libvirtd.conf
virtlogd -d
libvirtd -f /etc/libvirt/libvirtd.conf -d
$(command -v sshd) -f /dev/null -h $folder/hostkey -p $port -o ListenAddress=127.0.0.1 \\
  -o PidFile=none -o StrictModes=no -o AuthorizedKeysFile=$folder/key.pub -o UsePAM=no \\
  -o PasswordAuthentication=no -o MaxStartups=100 -E $folder/sshd.log
# The test driver forgets everything with its last connection.
sleep 1000000 | virsh -c test+unix:///default > /dev/null &
until virsh -c test+unix:///default list > /dev/null 2>&1; do sleep 0.05; done
echo ready
# Ends with the run, also with one that was killed.
read -r _ || true
"""


@dataclass
class Hypervisor:
    folder: Path
    port: int
    process: subprocess.Popen | None = None

    @property
    def keyfile(self) -> Path:
        return self.folder / "key"

    @property
    def known_hosts(self) -> Path:
        return self.folder / "known_hosts"

    def uri(self, driver: str = "test") -> str:
        path = {"test": "default", "qemu": "system"}[driver]
        return f"{driver}+ssh://root@127.0.0.1:{self.port}/{path}"

    def virsh(self, *words: str, driver: str = "test") -> str:
        """Run virsh at it, as a person would."""
        done = subprocess.run(
            ["virsh", "-c", f"{self.uri(driver)}?no_tty=1&command={self.folder}/ssh", *words],
            env={"PATH": os.environ["PATH"], "HOME": str(self.folder), "LC_ALL": "C"},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def define(self, xml: str, *, driver: str = "test") -> None:
        file = self.folder / "define.xml"
        file.write_text(xml)
        self.virsh("define", str(file), driver=driver)

    def start(self) -> None:
        for name in ("key", "hostkey"):
            words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.folder / name)]
            subprocess.run(words, check=True)
        host = (self.folder / "hostkey.pub").read_text()
        self.known_hosts.write_text(f"[127.0.0.1]:{self.port} {host}")
        ssh = self.folder / "ssh"
        options = f"-F /dev/null -i {self.keyfile} -o UserKnownHostsFile={self.known_hosts}"
        ssh.write_text(f'#!/bin/sh\nexec ssh {options} "$@"\n')
        ssh.chmod(0o755)
        inside = self.folder / "inside.sh"
        inside.write_text(INSIDE)
        with (self.folder / "output").open("ab") as output:
            self.process = subprocess.Popen(
                [
                    *("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"),
                    *("bash", str(inside), str(self.folder), str(self.port)),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
            )
        if self.process.stdout.readline() != b"ready\n":
            self.stop()
            pytest.fail(f"libvirt does not start: {(self.folder / 'output').read_text()[-2000:]}")

    def stop(self) -> None:
        self.process.kill()
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


def free_tcp_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="session")
def hypervisor(tmp_path_factory):
    """One for the whole run: give every test's domain a name of its own."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("a hypervisor of the test's own needs root and unshare")
    server = Hypervisor(tmp_path_factory.mktemp("hypervisor"), free_tcp_port())
    server.start()
    yield server
    server.stop()
