"""Sizes are read exactly, and resolved with integers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drydockd.design.sizes import Size, parse_size, resolve
from drydockd.errors import InvalidDesign

T = 20_000_000_000
UNITS = {
    **dict.fromkeys(["m", "M", "mb", "MB"], 10**6),
    **dict.fromkeys(["g", "G", "gb", "GB"], 10**9),
    **dict.fromkeys(["t", "T", "tb", "TB"], 10**12),
    **dict.fromkeys(["mi", "Mi", "mib", "MiB"], 2**20),
    **dict.fromkeys(["gi", "Gi", "gib", "GiB"], 2**30),
    **dict.fromkeys(["ti", "Ti", "tib", "TiB"], 2**40),
}


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [
        ("10g", 10000000000),
        ("10gib", 10737418240),
        ("29%", 5800000000),
        (">10g", 19995805696),
        (">10%", 19995805696),
        ("100%", 20000000000),
    ],
)
def test_the_contract_s_table_comes_out(text, size_bytes):
    assert resolve(text, T, T) == size_bytes


@pytest.mark.parametrize("text", ["21g", ">20g", ">100%", "101%"])
def test_more_than_there_is_is_refused(text):
    with pytest.raises(InvalidDesign, match="not enough storage"):
        resolve(text, T, T)


@pytest.mark.parametrize(
    "text",
    ["10", "10b", "10k", "10Gb", "10gB", "10gIB", "-1%", "5.5%", "10%x", " 10g", "10g\n", "",
     ">", "%", ">>1g", "1 g", "١g", "1" * 5000 + "g"],
)  # fmt: skip
def test_anything_else_is_no_size(text):
    with pytest.raises(InvalidDesign, match="is no size"):
        parse_size(text)


@pytest.mark.parametrize("text", [">1g", "10%", ">10%"])
def test_a_share_or_a_rest_needs_a_container(text):
    with pytest.raises(InvalidDesign, match="needs a disk"):
        resolve(text)


@given(st.integers(0, 10**9), st.sampled_from(sorted(UNITS)), st.booleans())
def test_reading_is_multiplication(digits, unit, minimum):
    text = f"{'>' if minimum else ''}{digits}{unit}"
    assert parse_size(text) == Size(size_bytes=digits * UNITS[unit], minimum=minimum)


@given(st.integers(0, 200), st.integers(0, 10**15), st.integers(0, 10**15))
def test_a_share_is_of_the_total_and_limited_by_what_is_left(percent, total, available):
    exact = percent * total // 100
    if exact <= available:
        assert resolve(f"{percent}%", total, available) == exact
    else:
        with pytest.raises(InvalidDesign):
            resolve(f"{percent}%", total, available)


@given(st.integers(0, 10**6), st.integers(0, 10**12))
def test_a_minimum_takes_the_rest_or_nothing(megabytes, available):
    try:
        size = resolve(f">{megabytes}m", available, available)
    except InvalidDesign:
        assert available - 4194304 < megabytes * 10**6
    else:
        assert size == available - 4194304 >= megabytes * 10**6


def test_a_plain_size_needs_no_container():
    assert resolve("10mib") == 10 * 2**20
