"""The arm64 kernels under qemu: the same numbers as on this machine, for every cell, forward and backward."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from unrolled.kernels.native import build

pytestmark = [
    pytest.mark.conformance,
    pytest.mark.skipif(not build._has_zig(), reason="needs the package ziglang"),
    pytest.mark.skipif(
        not shutil.which("qemu-aarch64"), reason="needs qemu-aarch64 (Debian: apt-get install qemu-user)"
    ),
    pytest.mark.skipif(platform.system() != "Linux", reason="qemu's user mode is Linux's"),
]


def numbers(target: str, cpu: str, folder: Path, *runner: str) -> list[tuple[str, np.ndarray]]:
    """What driver.c prints, built for a target as one static program."""
    program, driver = folder / f"driver-{target}", Path(__file__).with_name("driver.c")
    flags = [flag for flag in build.FLAGS if flag not in ("-shared", "-fPIC", "-fvisibility=hidden")]
    subprocess.run(
        [
            *(sys.executable, "-m", "ziglang", "cc", "-target", target, f"-mcpu={cpu}", *build.ZIG_FLAGS, *flags),
            *("-static", f"-I{build.SOURCES}", str(driver), *map(str, sorted(build.SOURCES.glob("*.c")))),
            *("-o", str(program)),
        ],
        check=True,
    )
    printed = subprocess.run([*runner, str(program)], check=True, capture_output=True, text=True).stdout
    rows = [line.split() for line in printed.splitlines()]
    return [(name, np.array(values, dtype=np.float64)) for name, *values in rows]


def test_forward_and_backward_are_the_same(tmp_path: Path) -> None:
    here = numbers("x86_64-linux-musl", "x86_64_v2", tmp_path)
    there = numbers("aarch64-linux-musl", "generic", tmp_path, "qemu-aarch64")
    assert [name for name, _ in here] == [name for name, _ in there]
    assert len(here) > 7 * 2 * 8
    for (name, x86), (_, arm) in zip(here, there, strict=True):
        assert np.isfinite(arm).all()
        error = np.abs(arm - x86).max() / max(np.abs(x86).max(), 1)
        assert error < 3e-6, (name, error)  # vectors of another width sum in another order
