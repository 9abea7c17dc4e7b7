"""The policer against plain arithmetic."""

from __future__ import annotations

import ctypes
import random
import shutil
import subprocess
import sysconfig
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from tests.shared_data import REPOSITORY

NEVER = (1 << 64) - 1
SECOND = 10**9


class Bucket(ctypes.Structure):
    _fields_ = (
        ("rate_bytes_s", ctypes.c_uint64),
        ("burst_ns", ctypes.c_uint64),
        ("expires_ns", ctypes.c_uint64),
        ("last_ns", ctypes.c_uint64),
        ("credit_ns", ctypes.c_int64),
        ("over", ctypes.c_uint64 * 3),
        ("lock", ctypes.c_uint32),
        ("padding", ctypes.c_uint32),
    )


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    clang = shutil.which("clang-14") or shutil.which("clang") or shutil.which("cc")
    if clang is None:
        pytest.fail("no C compiler is installed: make setup installs one")
    built = tmp_path_factory.mktemp("bucket") / "bucket.so"
    source = Path(__file__).parent / "bucket.c"
    triplet = sysconfig.get_config_var("MULTIARCH")
    subprocess.run(
        [clang, "-O1", "-Wall", "-Wextra", "-Werror", "-Wno-unused-function", "-fPIC",
         "-shared", f"-I/usr/include/{triplet}", f"-I{REPOSITORY / 'bpf'}", source, "-o",
         built],
        check=True, timeout=60,
    )  # fmt: skip
    made = ctypes.CDLL(str(built))
    made.bucket_bytes.restype = ctypes.c_ulong
    assert made.bucket_bytes() == ctypes.sizeof(Bucket)
    return made


def takes(library, bucket, size, now, packets=1):
    return bool(
        library.takes(
            ctypes.byref(bucket),
            ctypes.c_uint64(packets),
            ctypes.c_uint64(size),
            ctypes.c_uint64(now),
        )
    )


def bucket_of(rate_bps, burst_ns=10_000_000, expires=NEVER):
    return Bucket(rate_bps // 8, burst_ns, expires, 0, 0)


@pytest.mark.parametrize("segments", [1, 10, 43])
@pytest.mark.parametrize("offered", [1.1, 2.0, 50.0])
def test_the_rate_holds_whatever_the_packets(library, segments, offered):
    """20 Mbit/s pass of more, with single packets and with merged frames up to 64 kB."""
    bucket, passed, now = bucket_of(20_000_000, SECOND), 0, 0
    dice = random.Random(1)
    size = 1514 * segments
    while now < 10 * SECOND:
        now += int(dice.expovariate(20_000_000 * offered / 8 / size) * SECOND)
        if takes(library, bucket, size, now, segments):
            passed += size
    # Over time: within a second of credit of ten.
    assert 0.95 <= passed * 8 / 10 / 20_000_000 <= 1.11
    assert bucket.over[1] == segments * bucket.over[0]


def test_what_is_below_the_rate_passes(library):
    bucket, now = bucket_of(20_000_000), 0
    for _ in range(5000):
        now += 1514 * 8 * SECOND // 19_000_000
        assert takes(library, bucket, 1514, now)
    assert list(bucket.over) == [0, 0, 0]


def test_no_limit_and_a_throttle_that_nobody_renews(library):
    free, stale = Bucket(), bucket_of(8_000, expires=5)
    for now in range(100, 200):
        assert takes(library, free, 65535, now)
        assert takes(library, stale, 65535, now)
    held = bucket_of(8_000, expires=1000)
    assert takes(library, held, 65535, 1)
    assert not takes(library, held, 100, 999)
    assert takes(library, held, 100, 1000)


def test_a_clock_that_steps_back_gives_nothing_and_takes_nothing(library):
    bucket = bucket_of(8_000_000)
    assert takes(library, bucket, 1000, 10 * SECOND)
    before = bucket.credit_ns
    takes(library, bucket, 0, 9 * SECOND)
    assert bucket.credit_ns == before
    assert bucket.last_ns == 10 * SECOND


@settings(max_examples=100)
@given(
    st.integers(1_000, 10**10),
    st.integers(0, 10**9),
    st.lists(st.tuples(st.integers(0, 10**9), st.integers(1, 1 << 20)), max_size=60),
)
def test_like_plain_arithmetic(library, rate, burst, packets):
    bucket = Bucket(rate, burst, NEVER, 0, 0)
    credit, now = 0, 0
    for gap, size in packets:
        now += gap
        credit = min(credit + gap, burst)
        expected = credit >= 0
        if expected:
            credit -= Fraction(size * SECOND, rate).__floor__()
        assert takes(library, bucket, size, now) == expected
        assert bucket.credit_ns == credit
