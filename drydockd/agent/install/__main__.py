"""``python3 agent.pyz``: the agent of this machine, started by its first process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from drydockd.agent.install.work import Agent, Start


def main() -> int:
    try:
        start = Start.read(Path("/proc/cmdline").read_text())
    except KeyError as error:
        sys.stderr.write(f"the kernel's command line has no {error}: not started by drydockd\n")
        return 1
    how = Agent(start).live()
    subprocess.run(["busybox", how, "-f"], check=False)  # noqa: S603, S607
    return 0


sys.exit(main())
