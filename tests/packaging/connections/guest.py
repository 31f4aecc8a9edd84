"""An Ansible connection into a guest of the tests: by its namespaces, as root, without ssh.

`ansible_guest_leader` is the process that is 1 in there.
"""

import shutil
import subprocess
from pathlib import Path

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.connection import ConnectionBase

DOCUMENTATION = """
name: guest
short_description: Enter a booted guest by its namespaces
description: For tests only; needs root.
options:
  leader:
    description: The process that is 1 in the guest
    required: true
    type: int
    vars: [{name: ansible_guest_leader}]
"""


class Connection(ConnectionBase):
    transport = "guest"
    has_pipelining = True

    def _connect(self):
        self._connected = True
        return self

    def exec_command(self, cmd, in_data=None, sudoable=True):
        super().exec_command(cmd, in_data=in_data, sudoable=sudoable)
        leader = str(self.get_option("leader"))
        enter = ["nsenter", "--target", leader, "--all", "--root", "--wd"]
        words = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LC_ALL=C.UTF-8"]
        command = [*enter, "env", "-i", *words, "/bin/sh", "-c", cmd]
        done = subprocess.run(command, input=in_data or b"", capture_output=True, check=False)
        return done.returncode, done.stdout, done.stderr

    def put_file(self, in_path, out_path):
        self._copy(Path(in_path), self._inside(out_path))

    def fetch_file(self, in_path, out_path):
        self._copy(self._inside(in_path), Path(out_path))

    def _inside(self, path):
        return Path(f"/proc/{self.get_option('leader')}/root") / path.lstrip("/")

    def _copy(self, source, target):
        try:
            shutil.copyfile(source, target)
        except OSError as error:
            raise AnsibleConnectionFailure(f"{source} to {target}: {error}") from error

    def close(self):
        self._connected = False
