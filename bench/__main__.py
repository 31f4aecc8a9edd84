"""`python -m bench [NAME ...]`: run the benchmarks one after the other, or those named."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SITES = Path(os.environ.get("DRYDOCKD_SITES", ROOT.parent / "shared" / "sites"))

# Name -> arguments. Each prints ratios taken within its own run.
BENCHES: dict[str, tuple[str, ...]] = {
    "store": (),
    "crash": (),
    "clusterfaults": ("--rounds", "5"),
    "design": (),
    "render": (),
    "auth": (),
    "api": ("--site", str(SITES / "seaworthy" / "site.yaml")),
    "scheduler": (),
    "resume": (),
    "cluster": (),
    "scale": (),
    "waiting": (),
    "listing": (),
    "storm": (),
    "large": ("--nodes", "500"),
    "page": (),
    "abuse": (),
    "bmc": (),
    "verify": (),
    "fleet": ("300",),
    "netboot": (),
    "maas": (),
}


def main() -> int:
    names = sys.argv[1:] or list(BENCHES)
    if unknown := [name for name in names if name not in BENCHES]:
        print(f"no benchmark {', '.join(unknown)}; there are {', '.join(BENCHES)}")
        return 2
    failed = []
    for name in names:
        print(f"== {name}", flush=True)
        command = [sys.executable, "-m", f"bench.{name}", *BENCHES[name]]
        if subprocess.run(command, cwd=ROOT).returncode:
            failed.append(name)
    if failed:
        print(f"failed: {', '.join(failed)}")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
