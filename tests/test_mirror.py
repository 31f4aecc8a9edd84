"""The tests mirror the sources: one test file per source file, at the same path."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "drydockd").rglob("*.py"))


def test_every_source_file_has_a_test_file_of_its_name():
    missing = []
    for source in SOURCES:
        if source.name in ("__init__.py", "__main__.py"):
            continue
        inside = source.relative_to(ROOT / "drydockd")
        mirror = ROOT / "tests" / inside.parent / f"test_{inside.name}"
        if not mirror.exists():
            missing.append(f"{source.relative_to(ROOT)} -> {mirror.relative_to(ROOT)}")
    assert not missing, "\n".join(missing)
