"""Finds the variant that this processor runs best, and loads it once."""

from __future__ import annotations

import ctypes
import functools
import platform
from pathlib import Path

from unrolled.kernels.native import build
from unrolled.kernels.native.library import Library

__all__ = ["VARIANTS", "NativeUnavailable", "halves", "load", "load_half", "variants"]

VARIANTS = tuple(dict.fromkeys(variant for target in build.TARGETS.values() for variant in target.variants))
"""Every variant that can be asked for."""

HALVES = {"amx": 2, "bf16": 1}
"""Those for bfloat16, best first, and the bit of `unrolled_cpu_half` that each needs."""

NEEDS = {
    "v3": "AVX2 and FMA",
    "v4": "AVX-512",
    "bf16": "AVX512-BF16",
    "amx": "AMX with bfloat16, and the system's leave to use it",
    "arm64": "arm64",
}
"""What a processor must have beyond what every one of x86-64-v2 has."""


class NativeUnavailable(Exception):
    """There is no native library to be had here; the message is the reason."""


def load(asked: str = "") -> Library:
    """The library: the best variant for this processor, or the one that `asked` ("native-v3") names.

    Where that is for bfloat16, float32 has the best.

    Raises:
        NativeUnavailable: no library was built, this processor cannot run it, or it does not load.
    """
    there, variant = variants(), _variant(asked)
    if not there:
        raise NativeUnavailable(_why_not_built())
    if variant and variant not in (*there, *halves()):
        needs = f": it needs {NEEDS[variant]}" if variant in NEEDS else ""
        raise NativeUnavailable(f"no variant {variant!r} runs here{needs}; there is {', '.join((*there, *halves()))}")
    return _load(variant if variant in there else there[0])


def load_half(asked: str = "") -> Library:
    """The library for bfloat16: the best for this processor, or the one that `asked` ("native-amx") names.

    Raises:
        NativeUnavailable: as from `load`; also where `asked` names a variant for float32.
    """
    there, variant = halves(), _variant(asked)
    if not there or (variant and variant not in there):
        raise NativeUnavailable(f"no variant {variant or 'bf16'!r} for bfloat16 runs here")
    return _load(variant or there[0])


@functools.cache
def variants() -> tuple[str, ...]:
    """What is built here and runs here, best first."""
    built = [variant for variant in _variants() if _file(variant).exists()]
    if not built:
        return ()
    if "v2" not in built:
        return tuple(reversed(built)) if built[0] == "arm64" else ()
    top = _ask_cpu("unrolled_cpu_level")
    return tuple(v for v in reversed(built) if v not in HALVES and int(v[1:]) <= top)


@functools.cache
def halves() -> tuple[str, ...]:
    """The same for bfloat16."""
    if not variants() or not _file("v2").exists():
        return ()
    bits = _ask_cpu("unrolled_cpu_half")
    return tuple(v for v, bit in HALVES.items() if bits & bit and _file(v).exists())


def _ask_cpu(question: str) -> int:
    """Of the variant that every processor runs."""
    function = ctypes.CDLL(str(_file("v2")))[question]
    function.restype = ctypes.c_int64
    answer: int = function()
    return answer


@functools.cache
def _load(variant: str) -> Library:
    try:
        return Library(_file(variant))
    except OSError as error:
        raise NativeUnavailable(f"the library does not load: {error}") from error


def _variant(asked: str) -> str:
    return asked.removeprefix("native").removeprefix("-")


def _target() -> build.Target | None:
    return build.TARGETS.get(build.host_target())


def _variants() -> tuple[str, ...]:
    target = _target()
    return () if target is None else tuple(target.variants)


def _file(variant: str) -> Path:
    target = _target()
    assert target is not None
    return build.LIBRARIES / build.library_name(variant, target.suffix)


def _why_not_built() -> str:
    reason = build.LIBRARIES / build.REASON
    if reason.exists():
        return reason.read_text(encoding="utf-8").strip()
    if _target() is None:
        return f"there are none for {platform.system()} on {platform.machine()}"
    return f"they were not built: run python {build.__file__}"
