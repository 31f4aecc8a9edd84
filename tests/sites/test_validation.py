"""Every real site is judged as the original judged it, but for differences written down here."""

from collections import Counter

import pytest

from drydockd.design.compile import compile_site
from drydockd.design.validate import status_document, validate
from drydockd.site import Catalogue
from tests.sites.folder import on_sites, reference, site_path

pytestmark = pytest.mark.sites

DRYDOCK = "drydock"
CASES = ("api_no_node_driver", "api_with_node_driver")


def a_message(code, level, *documents):
    return code, level, level == "Error", tuple(documents)


TWO_REGIONS = a_message(
    "DD000",
    "Warning",
    (f"{DRYDOCK}/Region/v1", "intel-pod15"),
    (f"{DRYDOCK}/Region/v1", "region-profile"),
)

# Site -> (messages of the original that we do not give, messages that only we give).
DIFFERENCES: dict[str, tuple[list, list]] = {
    # Validation 5.13: an allowed network that no document defines is a Warning of ours.
    "atl-lab1-2018-02": (
        [],
        [a_message("DD1007", "Warning", (f"{DRYDOCK}/NetworkLink/v1", "rack06-general"))] * 2,
    ),
    # V-1, E-1: a load error has the shape of every message, and each node its own.
    "deathkitten": (
        [(None, None, True, ())],
        [
            a_message("DD000", "Error", (f"{DRYDOCK}/BaremetalNode/v1", f"deathkitten-{number}"))
            for number in ("02", "03", "04")
        ],
    ),
    # sites/README: several Region documents get a warning that names them all.
    "intel-pod15": ([], [TWO_REGIONS]),
    "intel-pod15-71759": ([], [TWO_REGIONS]),
}


# Codes of rules that the original does not have (validation 5.19).
OURS_ONLY = "DD29"


def told(messages):
    """Multiset of what a client can tell messages apart by, wording left out.

    What rules say that only we have is judged by a test of its own.
    """
    messages = [m for m in messages if not str(m.get("name")).startswith(OURS_ONLY)]
    return Counter(
        (
            m.get("name"),
            m.get("level"),
            m["error"],
            tuple((d["schema"], d["name"]) for d in m.get("documents", ())),
        )
        for m in messages
    )


@pytest.fixture(scope="module", params=on_sites())
def site(request):
    name = request.param
    return name, *compile_site(site_path(name).read_bytes()), reference(name, "validation")


def our_status(design, findings, catalogue):
    found = list(findings)
    if not any(finding.error for finding in found):
        found += validate(design, catalogue)
    return status_document(found)


@pytest.mark.parametrize("case", CASES)
def test_a_real_site_is_judged_as_the_original_judged_it(site, case):
    name, design, findings, answers = site
    theirs = answers[case]
    offered = Catalogue({k: tuple(v) for k, v in answers["node_driver_catalog"].items()})

    ours = our_status(design, findings, offered if case == CASES[1] else None)

    body = theirs["body"]
    assert ours["code"] == theirs["http_status"] == body["code"]
    assert ours["status"].lower() == body["status"].lower()
    missing, added = DIFFERENCES.get(name, ([], []))
    expected = told(body["details"]["messageList"]) - Counter(missing) + Counter(added)
    assert told(ours["details"]["messageList"]) == expected
    ours_only = sum(
        m["error"] for m in ours["details"]["messageList"] if m["name"].startswith(OURS_ONLY)
    )
    assert ours["details"]["errorCount"] - ours_only == sum(
        count for message, count in expected.items() if message[2]
    )


def test_no_rule_of_ours_refuses_what_the_original_accepts(site):
    name, design, findings, answers = site
    accepted = answers["api_no_node_driver"]["http_status"] == 200

    messages = our_status(design, findings, None)["details"]["messageList"]

    errors = [m for m in messages if m["name"].startswith(OURS_ONLY) and m["error"]]
    assert not (accepted and errors), errors
    assert errors == [] or name == "atl-lab1-2018-02", errors


def test_every_difference_written_down_is_one(site):
    """A list that says too much would hide a new difference."""
    name, *_, answers = site
    if name in DIFFERENCES:
        for case in CASES:
            missing = Counter(DIFFERENCES[name][0])
            assert missing <= told(answers[case]["body"]["details"]["messageList"])
