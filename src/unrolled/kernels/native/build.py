"""Compiles src/*.c into lib/: one shared library for each variant of a target.

Standard library only, since the package's build step runs this file before anything is installed; by hand:
``python src/unrolled/kernels/native/build.py linux-aarch64``. The compiler is ``zig cc`` from the package `ziglang`,
which builds for every target on any machine; where it is absent, the machine's own ``cc`` serves for itself.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

__all__ = [
    *("LIBRARIES", "REASON", "TARGETS", "BuildFailed", "Target"),
    *("build", "fresh", "host_target", "library_name", "machine", "provide", "sources"),
]

SOURCES = Path(__file__).with_name("src")
LIBRARIES = Path(__file__).with_name("lib")
REASON = "not-built.txt"
"""In the libraries' place: why there are none."""

STAMP = "built-from.txt"
"""Beside the libraries: the target and the digest of the sources that they were built from."""

FLAGS = (
    *("-std=gnu11", "-O3", "-DNDEBUG", "-fPIC", "-shared", "-fvisibility=hidden", "-pthread"),
    *("-ffp-contract=fast", "-fno-math-errno", "-fno-trapping-math"),  # NaN, ±∞ and ±0 keep their meaning
    *("-Wall", "-Wextra"),
)
ZIG_FLAGS = ("-fno-sanitize=all", "-s")
SECONDS = 600


class BuildFailed(Exception):
    """There is no compiler, or it refused; says which."""


@dataclass(frozen=True)
class Target:
    """A platform: zig's name for it, its variants with zig's name for their processor, file suffix and wheel tag."""

    triple: str
    variants: dict[str, str]
    suffix: str
    tag: str


X86 = {
    "v2": "x86_64_v2",
    "v3": "x86_64_v3",
    "v4": "x86_64_v4",
    "bf16": "x86_64_v4+avx512bf16",
    "amx": "x86_64_v4+avx512bf16+amx_tile+amx_bf16",
}
DEFINES = {"bf16": ("-DUNROLLED_BF16",), "amx": ("-DUNROLLED_BF16", "-DUNROLLED_AMX")}
"""The variants for bfloat16: the same sources with another element; see src/element.h."""

OF_FLOATS = ("attention_", "graph_", "step", "writer")
"""How the sources begin that have no place in the libraries of bfloat16: they turn it into floats themselves."""

TARGETS = {
    "linux-x86_64": Target("x86_64-linux-gnu.2.17", X86, ".so", "manylinux_2_17_x86_64.manylinux2014_x86_64"),
    "linux-aarch64": Target(
        "aarch64-linux-gnu.2.17", {"arm64": "generic"}, ".so", "manylinux_2_17_aarch64.manylinux2014_aarch64"
    ),
    "macos-arm64": Target("aarch64-macos.11.0", {"arm64": "apple_m1"}, ".dylib", "macosx_11_0_arm64"),
    "macos-x86_64": Target("x86_64-macos.11.0", X86, ".dylib", "macosx_11_0_x86_64"),
    "windows-x86_64": Target("x86_64-windows-gnu", X86, ".dll", "win_amd64"),
}


def host_target() -> str:
    """The target that this machine is; a name outside TARGETS where we have none for it."""
    system = {"Linux": "linux", "Darwin": "macos", "Windows": "windows"}.get(platform.system(), platform.system())
    machine = {"AMD64": "x86_64"}.get(platform.machine(), platform.machine())
    if system == "linux" and machine == "arm64":
        machine = "aarch64"
    return f"{system}-{machine}"


def library_name(variant: str, suffix: str) -> str:
    """The file of a variant."""
    return f"unrolled-{variant}{suffix}"


def build(target: str, folder: Path = LIBRARIES) -> list[Path]:
    """Compile every variant of a target into `folder`; the files.

    Raises:
        BuildFailed: unknown target, no compiler, or an error of the compiler's.
    """
    if target not in TARGETS:
        raise BuildFailed(f"no native kernels for {target}; there are some for {', '.join(TARGETS)}")
    folder.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        jobs = [threads.submit(_compile, target, variant, folder) for variant in TARGETS[target].variants]
        files = [job.result() for job in jobs]
    (folder / REASON).unlink(missing_ok=True)
    (folder / STAMP).unlink(missing_ok=True)
    if _has_zig():
        (folder / STAMP).write_text(_stamp(target), encoding="utf-8")
    return files


def fresh(target: str, folder: Path = LIBRARIES) -> bool:
    """Whether `folder` has what `build` with zig would put there."""
    stamp = folder / STAMP
    return stamp.exists() and stamp.read_text(encoding="utf-8") == _stamp(target)


def provide(target: str, folder: Path) -> str:
    """Have the libraries of a target in `folder`: left there, copied from the source tree, or built.

    Returns:
        The platform that they run on, as a wheel's tag: what the machine's own compiler makes is for this machine's
        system only.

    Raises:
        BuildFailed: see `build`.
    """
    if not fresh(target, folder):
        if fresh(target):
            shutil.copytree(LIBRARIES, folder, dirs_exist_ok=True)
        else:
            build(target, folder)
    return TARGETS[target].tag if fresh(target, folder) else re.sub("[-.]", "_", sysconfig.get_platform())


def _stamp(target: str) -> str:
    """The target and a digest of all that decides what is built for it."""
    digest = hashlib.sha256()
    for file in [*sorted(SOURCES.iterdir()), Path(__file__)]:
        digest.update(f"{file.name}\n".encode() + file.read_bytes())
    return f"{target} {digest.hexdigest()}\n"


def _compile(name: str, variant: str, folder: Path) -> Path:
    target = TARGETS[name]
    file = folder / library_name(variant, target.suffix)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".") as scratch:  # linkers leave more than the library
        made = Path(scratch) / file.name
        command = [*_compiler(name, variant), *FLAGS, *DEFINES.get(variant, ()), *sources(variant), "-o", str(made)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
        except (OSError, subprocess.SubprocessError) as error:
            raise BuildFailed(f"the compiler did not run: {error}") from error
        if done.returncode:
            raise BuildFailed(f"{' '.join(command[:3])} failed for {name} {variant}: {done.stderr.strip()[-2000:]}")
        made.replace(file)
    return file


def _compiler(name: str, variant: str) -> list[str]:
    target = TARGETS[name]
    if _has_zig():
        zig = [sys.executable, "-m", "ziglang", "cc"]
        return [*zig, "-target", target.triple, f"-mcpu={target.variants[variant]}", *ZIG_FLAGS]
    own = os.environ.get("CC") or shutil.which("cc") or shutil.which("clang") or shutil.which("gcc")
    if not own or name != host_target():
        raise BuildFailed(f"no compiler for {name}: neither the package ziglang nor a cc of this machine's")
    return [own, *machine(variant)]


def machine(variant: str) -> list[str]:
    """The processor of a variant, as gcc and clang are told of it."""
    if variant not in X86:
        return []
    level, *extensions = X86[variant].removeprefix("x86_64_").split("+")
    return [f"-march=x86-64-{level}", *(f"-m{extension.replace('_', '-')}" for extension in extensions)]


def sources(variant: str, folder: Path = SOURCES) -> list[str]:
    """The files of `folder` that make a variant."""
    left_out = OF_FLOATS if variant in DEFINES else ()
    return sorted(str(source) for source in folder.glob("*.c") if not source.name.startswith(left_out))


def _has_zig() -> bool:
    return importlib.util.find_spec("ziglang") is not None


def main() -> None:
    """Build the targets named on the command line, each into lib/; none named: this machine's."""
    for name in sys.argv[1:] or [host_target()]:
        for file in build(name):
            sys.stdout.write(f"{file}\n")


if __name__ == "__main__":
    main()
