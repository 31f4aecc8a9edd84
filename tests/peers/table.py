"""The real parts that tests talk to: what each is, where it comes from, who needs it.

A test needs a part when it asks for one of its fixtures, or says ``@pytest.mark.peer("name")``.
`python -m tests.peers` lists them; `python -m tests.peers install` (`make peers`) brings what is
missing. A new part is one line here and, where it has to be started, one module beside this one.
"""

import hashlib
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
ENVIRONMENTS = ROOT / ".peers"
LOCKS = ROOT / "requirements"


@dataclass(frozen=True)
class Peer:
    """One real part.

    It comes from `packages` of Debian, seen by the `programs` they bring (other files by their
    path, in which `*` may stand for a version), or from a lock of its own,
    `requirements/<name>.txt`, in an environment of its own (`is_python`), or both.
    `starts`: how tests get it to run; `fixtures`: those that do.
    """

    name: str
    starts: str
    packages: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    is_python: bool = False
    fixtures: frozenset[str] = frozenset()

    @property
    def environment(self) -> Path:
        """One for each Python that the tests run on."""
        return ENVIRONMENTS / f"{self.name}-{sys.version_info.major}.{sys.version_info.minor}"

    @property
    def lock(self) -> Path:
        return LOCKS / f"{self.name}.txt"

    @property
    def receipt(self) -> Path:
        """Says which lock filled the environment."""
        return self.environment / ".installed"

    def mark(self) -> str:
        """What the receipt of an environment of today's lock says."""
        return hashlib.sha256(self.lock.read_bytes()).hexdigest()

    def lacks_packages(self) -> bool:
        return any(
            shutil.which(program) is None and not any(Path("/").glob(program.lstrip("/")))
            for program in self.programs
        )

    def lacks_environment(self) -> bool:
        if not self.is_python:
            return False
        return not self.receipt.exists() or self.receipt.read_text() != self.mark()

    def is_there(self) -> bool:
        return not self.lacks_packages() and not self.lacks_environment()

    def command(self) -> str:
        """What brings it, to be typed by a person in the checkout."""
        if self.lacks_packages():
            return f"sudo apt-get install {' '.join(self.packages)}"
        return "make peers"


PEERS = {
    peer.name: peer
    for peer in (
        Peer(
            "keystone",
            starts="keystone-manage, then its WSGI application in waitress (keystone.py)",
            is_python=True,
            fixtures=frozenset({"keystone_template", "keystone", "keystone_jws", "make_keystone"}),
        ),
        Peer(
            "bmc",
            starts="sushy-emulator with its fake driver, sushy, rf_protocol_validator (sushy.py)",
            is_python=True,
            fixtures=frozenset({"sushy_emulator"}),
        ),
        Peer(
            "kubernetes",
            starts="the project's own Python client, a process for each question",
            is_python=True,
        ),
        Peer(
            "kubectl",
            starts="kubectl, once per question",
            packages=("kubernetes-client",),
            programs=("kubectl",),
        ),
        Peer(
            "ironic",
            starts="ironic-dbsync once, then API and conductor with fake-hardware (ironic.py)",
            is_python=True,
            fixtures=frozenset({"ironic_template", "ironic", "make_ironic"}),
        ),
        Peer(
            "schemathesis",
            starts="once, against a daemon of the test's own (schemathesis.py)",
            is_python=True,
        ),
        Peer(
            "ipmi",
            starts="ipmi_sim, one process for each BMC; its hook is a shell script (ipmi.py)",
            packages=("openipmi", "ipmitool"),
            programs=("ipmi_sim", "ipmitool"),
            fixtures=frozenset({"ipmi_sim", "silent_bmc"}),
        ),
        Peer(
            "libvirt",
            starts="libvirtd and sshd, in a mount and process namespace of their own (libvirt.py)",
            packages=(
                "libvirt-daemon",
                "libvirt-daemon-system",
                "libvirt-clients",
                "openssh-server",
                "openssh-client",
            ),
            programs=("libvirtd", "virtlogd", "virsh", "sshd", "ssh"),
            fixtures=frozenset({"hypervisor"}),
        ),
        Peer(
            "qemu",
            starts="libvirt, in software emulation",
            packages=("qemu-system-x86", "ipxe-qemu"),
            programs=("qemu-system-x86_64",),
        ),
        Peer(
            "filesystems",
            starts="what makes and reads partitions and file systems, on loop devices, as root",
            packages=("fdisk", "e2fsprogs", "xfsprogs", "dosfstools", "lvm2"),
            programs=("sfdisk", "mkfs.ext4", "mkfs.xfs", "mkfs.vfat", "lvm"),
        ),
        Peer(
            "ip",
            starts="ip, once per question",
            packages=("iproute2",),
            programs=("ip",),
        ),
        Peer(
            "dnsmasq",
            starts="dnsmasq, to test a configuration, and in a network of its own (unshare -n)",
            packages=("dnsmasq-base", "iproute2"),
            programs=("dnsmasq", "ip"),
        ),
        Peer(
            "images",
            starts="what agents and images are built and read with, once per question, as root",
            packages=(
                "mmdebstrap",
                "squashfs-tools",
                "cpio",
                "zstd",
                "qemu-utils",
                "fdisk",
                "e2fsprogs",
                "xz-utils",
            ),
            programs=(
                "mmdebstrap",
                "mksquashfs",
                "cpio",
                "zstd",
                "qemu-img",
                "sfdisk",
                "mke2fs",
                "xz",
            ),
        ),
        Peer(
            "netboot",
            starts="drydock lab --machines qemu: QEMU, dnsmasq and ipmi_sim, as root",
            packages=(
                "qemu-system-x86",
                "qemu-utils",
                "ovmf",
                "ipxe",
                "ipxe-qemu",
                "dnsmasq-base",
                "mmdebstrap",
                "squashfs-tools",
                "zstd",
                "cpio",
                "busybox-static",
                "openipmi",
                "ipmitool",
                "iproute2",
            ),
            programs=(
                "qemu-system-x86_64",
                "qemu-img",
                "/usr/share/OVMF/OVMF_CODE*.fd",
                "/usr/lib/ipxe/ipxe.efi",
                "/usr/lib/ipxe/qemu/pxe-virtio.rom",
                "dnsmasq",
                "mmdebstrap",
                "mksquashfs",
                "zstd",
                "cpio",
                "busybox",
                "ipmi_sim",
                "ipmitool",
                "ip",
            ),
        ),
        Peer(
            "browser",
            starts="Chromium, driven by Playwright (browser.py)",
            # Playwright's own program needs the library.
            packages=("chromium", "libatomic1"),
            programs=("chromium", "/usr/lib/*/libatomic.so.1"),
            is_python=True,
            fixtures=frozenset({"chromium", "tab"}),
        ),
        Peer(
            "postgres",
            starts="initdb and postgres in a temporary folder, once per test process (postgres.py)",
            packages=("postgresql",),
            programs=("/usr/lib/postgresql/*/bin/postgres", "/usr/lib/postgresql/*/bin/psql"),
            fixtures=frozenset({"postgres_server", "postgres", "make_postgres", "make_standby"}),
        ),
        Peer(
            "faketime",
            starts="libfaketime, loaded into a process whose clock is to be wrong",
            packages=("libfaketime",),
            programs=("/usr/lib/*/faketime/libfaketime.so.1",),
        ),
        Peer(
            "haproxy",
            starts="haproxy with conf/cluster/haproxy.cfg, in the foreground, once per test",
            packages=("haproxy",),
            programs=("/usr/sbin/haproxy",),
        ),
        Peer(
            "nginx",
            starts="nginx with conf/cluster/nginx.conf, in the foreground, once per test",
            packages=("nginx",),
            programs=("/usr/sbin/nginx",),
        ),
        Peer(
            "prometheus",
            starts="promtool, once per question",
            packages=("prometheus",),
            programs=("promtool",),
        ),
        Peer(
            "docs",
            starts="mkdocs with the material theme, once per build (tests/docs/site.py)",
            is_python=True,
        ),
        Peer(
            "wget",
            starts="wget, as the install templates of MAAS call it",
            packages=("wget",),
            programs=("wget",),
        ),
        Peer(
            "systemd",
            starts="systemd-analyze, once per question",
            packages=("systemd",),
            programs=("systemd-analyze",),
        ),
        Peer(
            "packaging",
            starts="ansible-playbook, ansible-lint and hadolint, once per question",
            is_python=True,
        ),
        Peer(
            "lintian",
            starts="lintian, once per package",
            packages=("lintian",),
            programs=("lintian",),
        ),
        Peer(
            "guest",
            starts="an empty Debian with its own systemd in systemd-nspawn (guest.py)",
            packages=("systemd-container", "mmdebstrap"),
            programs=("systemd-nspawn", "mmdebstrap"),
            fixtures=frozenset({"guest", "host"}),
        ),
    )
}
