"""A wheel for every platform is built on this machine, tagged for it, with its libraries inside."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from unrolled.kernels.native import build

ROOT = Path(__file__).resolve().parents[1]
MACHINES = {
    "linux-x86_64": (b"\x7fELF", 18, b"\x3e\x00"),
    "linux-aarch64": (b"\x7fELF", 18, b"\xb7\x00"),
    "macos-arm64": (b"\xcf\xfa\xed\xfe", 4, b"\x0c\x00\x00\x01"),
    "macos-x86_64": (b"\xcf\xfa\xed\xfe", 4, b"\x07\x00\x00\x01"),
    "windows-x86_64": (b"MZ", None, b"PE\x00\x00\x64\x86"),
}
"""A library's first bytes; where the processor stands, and its number. For Windows behind a stub, wherever it ends."""


@pytest.mark.conformance
@pytest.mark.skipif(not build._has_zig(), reason="needs the package ziglang")
@pytest.mark.skipif(importlib.util.find_spec("hatchling") is None, reason="needs hatchling")
@pytest.mark.parametrize("target", build.TARGETS)
def test_a_wheel(target: str, tmp_path: Path) -> None:
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run(
        [*pip, "--disable-pip-version-check", "--wheel-dir", str(tmp_path), str(ROOT)],
        env={**os.environ, "UNROLLED_TARGET": target},
        check=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    recipe = build.TARGETS[target]
    assert wheel.name.endswith(f"-py3-none-{recipe.tag}.whl")
    with zipfile.ZipFile(wheel) as archive:
        (tags,) = (archive.read(name).decode() for name in archive.namelist() if name.endswith(".dist-info/WHEEL"))
        assert {line for line in tags.splitlines() if line.startswith("Tag:")} == {
            f"Tag: py3-none-{platform}" for platform in recipe.tag.split(".")
        }
        assert "Root-Is-Purelib: false" in tags
        for variant in recipe.variants:
            library = archive.read(f"unrolled/kernels/native/lib/{build.library_name(variant, recipe.suffix)}")
            start, place, processor = MACHINES[target]
            assert library.startswith(start)
            assert processor in library[:1024] if place is None else library[place:].startswith(processor)
