"""Bonding options must suit the bonding mode; judged as written in the document."""

from __future__ import annotations

from collections.abc import Iterator

from drydockd.design.rules import Verdict, error
from drydockd.site import NetworkLink, Site

ORDER, CODE, NAME = 90, "DD1006", "Network Bond Rationality"

OPTIONS = ("hash", "peer_rate", "mon_rate", "up_delay", "down_delay")
LACP_ONLY = ("hash", "peer_rate")


def check(site: Site) -> Iterator[Verdict]:
    for link in site.network_links.values():
        if link.bonding_mode == "disabled":
            yield from _judge_disabled(link)
        elif link.bonding_mode == "802.3ad":
            yield from _judge_delays(link)
        else:
            yield from _judge_without_lacp(link)


def _judge_disabled(link: NetworkLink) -> Iterator[Verdict]:
    written = [option for option in OPTIONS if option in link.written]
    if written:
        yield error(
            f"link {link.name} has bonding mode disabled but sets {', '.join(written)}.",
            "Set bonding.mode or remove the bonding options.",
            link.ref,
        )


def _judge_delays(link: NetworkLink) -> Iterator[Verdict]:
    rate = link.bonding_mon_rate or 0
    for option, delay in (
        ("up_delay", link.bonding_up_delay),
        ("down_delay", link.bonding_down_delay),
    ):
        if (delay or 0) < rate:
            yield error(
                f"{option} {delay} of link {link.name} is less than its mon_rate {rate}.",
                f"Set bonding.{option} to at least {rate}, or lower bonding.mon_rate.",
                link.ref,
            )


def _judge_without_lacp(link: NetworkLink) -> Iterator[Verdict]:
    for option in LACP_ONLY:
        if option in link.written:
            yield error(
                f"link {link.name} sets {option}, which bonding mode {link.bonding_mode} "
                "does not have.",
                f"Remove bonding.{option} or set bonding.mode to 802.3ad.",
                link.ref,
            )
