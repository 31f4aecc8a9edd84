"""docs/drivers.md says what the drivers say."""

from pathlib import Path
from typing import Literal

from drydockd.drivers import Shipped, shipped
from drydockd.drivers.options import Offer, Options, Program, SecretStr, opt
from drydockd.drivers.table import markdown

DOCS = Path(__file__).parents[2] / "docs" / "drivers.md"
START, END = "<!-- drydock config drivers -->\n", "<!-- end -->\n"


def test_the_page_has_the_tables_of_this_version():
    page = DOCS.read_text(encoding="utf-8")
    shown = page[page.index(START) + len(START) : page.index(END)]
    assert shown == markdown(shipped()), (
        "put the output of `drydock config drivers` between the two marks of docs/drivers.md"
    )


class RackOptions(Options):
    address: str = opt(..., "Where it is")
    key: SecretStr | None = opt(None, "Its key, a|b")
    seconds: float = opt(3, "Seconds between looks", gt=0, le=9)
    mode: Literal["own", "proxy"] | None = opt("own", "How it answers")


def test_every_option_is_told_with_default_values_and_meaning():
    offer = Offer(dict, RackOptions, "rack_driver", "racks", (Program("rackctl", "rack-tools"),))
    assert markdown([Shipped("node", "rack", offer)]) == (
        "| Kind | Name | What it drives | Section | Needs |\n"
        "|---|---|---|---|---|\n"
        "| node | `rack` | racks | `rack_driver` "
        "| the program rackctl (apt-get install rack-tools) |\n"
        "\n"
        "`rack_driver`:\n"
        "\n"
        "| Option | Default | Values | Meaning |\n"
        "|---|---|---|---|\n"
        "| `address` | must be given |  | Where it is |\n"
        "| `key` | `null` |  | Its key, a\\|b (a secret) |\n"
        "| `seconds` | `3` | > 0, ≤ 9 | Seconds between looks |\n"
        "| `mode` | `own` | `own`, `proxy` | How it answers |\n"
    )
