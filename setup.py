"""Metadata, entry points and extras of drydockd; tool settings are in pyproject.toml."""

from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent


def manual() -> list[tuple[str, list[str]]]:
    """The pages of docs/, folder by folder, for those who have no checkout."""
    folders = [HERE / "docs", *(path for path in (HERE / "docs").rglob("*") if path.is_dir())]
    return [
        (
            f"share/drydockd/{folder.relative_to(HERE)}",
            sorted(str(page.relative_to(HERE)) for page in folder.iterdir() if page.is_file()),
        )
        for folder in folders
    ]


# Speaks to PostgreSQL: to what the original kept there (`drydock migrate`), and to the store
# that several daemons share (`store.backend: postgres`).
POSTGRES = ["asyncpg>=0.31"]

setup(
    name="drydockd",
    version="0.1.0",
    description="Turns a site design into running bare-metal machines",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.11",
    packages=find_packages(include=["drydockd", "drydockd.*"]),
    package_data={
        "drydockd": ["py.typed"],
        # The page: templates, and what browsers load with the licences of what is not ours.
        "drydockd.web": ["templates/*.html", "static/*", "static/vendor/*"],
        # What runs in the agent's system, and on installed machines.
        "drydockd.images": ["*.sh"],
        "drydockd.drivers.node.netboot": ["*.sh"],
    },
    # Outside a checkout `drydock lab` finds its site here, and operators their examples.
    data_files=[
        ("share/drydockd", ["conf/drydockd.yaml", "conf/policy.yaml", "conf/room.yaml"]),
        ("share/drydockd/example-site", ["conf/example-site/site.yaml"]),
        (
            "share/drydockd/cluster",
            sorted(f"conf/cluster/{p.name}" for p in (HERE / "conf" / "cluster").iterdir()),
        ),
        *manual(),
        (
            "share/drydockd/systemd",
            sorted(f"systemd/{p.name}" for p in (HERE / "systemd").iterdir()),
        ),
    ],
    install_requires=[
        "tornado>=6.5.7",
        "tinydb>=4.8",
        "orjson>=3.10",
        "jinja2>=3.1.6",
        "pyjwt[crypto]>=2.13",
        "pyyaml>=6.0.2",
        "pydantic>=2.10",
        "oslo.policy>=5.0",
        "keystoneauth1>=5.8",
        "httpx>=0.28",
        "h11>=0.16",
        # httpcore asks it at every lock; where it is missing each of these searches the disk.
        "sniffio>=1.3",
        "click>=8.2.1",
        "rich>=13.9",
        "python-ulid>=3.0",
        "prometheus-client>=0.21",
        "google-re2>=1.1.20251105",
    ],
    extras_require={
        "dev": [
            "ruff==0.17.6",
            "mypy==2.4.1",
            # xdist 3.8 does not group tests under 9.2: it writes what that does not read any more.
            "pytest>=9,<9.2",
            "pytest-asyncio>=1.2",
            "pytest-xdist>=3.8",
            "coverage>=7.10",
            "hypothesis>=6.130",
            "types-PyYAML",
            # The API document: is it one, and is every answer as it says?
            "openapi-spec-validator>=0.8",
            "jsonschema>=4.23",
            "referencing>=0.36",
            # The package, built and checked.
            "build>=1.2",
            "twine>=6.1",
            "check-wheel-contents>=0.6.1",
            "wheel>=0.45",
            "setuptools>=77",
            *POSTGRES,
        ],
        "migrate": POSTGRES,
        "postgres": POSTGRES,
        # Beside `dev`; apart, because it needs newer libraries than drydockd does.
        "mutants": ["mutmut==3.8.1"],
    },
    entry_points={
        "console_scripts": [
            "drydockd = drydockd.__main__:main",
            "drydock = drydockd.cli:main",
        ],
    },
)
