"""The package, built from a copy of the tree without what earlier builds left behind."""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def run(*command, **options):
    """Run a command; return what it wrote. It must succeed."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def build(folder: Path, *kinds: str) -> Path:
    """Build both packages below `folder`, or those of `kinds`; return where they are.

    The wheel is made from the source package, so that one is complete too. Nothing is fetched.
    """
    leftovers = shutil.ignore_patterns(".*", "*.egg-info", "build", "__pycache__")
    shutil.copytree(ROOT, folder / "tree", ignore=leftovers)
    dist = folder / "dist"
    options = ("--no-isolation", *kinds, "--outdir", dist)
    run(sys.executable, "-m", "build", *options, folder / "tree")
    return dist
