"""The kernels' own tests under gcc's address and undefined-behaviour sanitizers, every variant that runs here.

Blocks that were given back return to the system at once, and what forward keeps is a block of its exact size, so that
a read or write past any end is seen.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from unrolled.kernels.native import build
from unrolled.kernels.native.loader import halves, variants

KEPT = "#define KEPT_BYTES ((size_t)1 << 30)"
SANITIZE = ("-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
ROOT = Path(__file__).resolve().parents[3]

RUN = """
import sys
from pathlib import Path
import pytest, torch
from unrolled.kernels.native import build
from unrolled.kernels.native.memory import Memory
build.LIBRARIES = Path(sys.argv[1])
Memory.floats = lambda memory, count: torch.empty(count)
sys.exit(pytest.main(["-p", "no:cacheprovider", "-p", "no:randomly", *sys.argv[2:]]))
"""


@pytest.mark.conformance
@pytest.mark.skipif(platform.system() != "Linux", reason="gcc's sanitizers are preloaded, which is Linux's way")
def test_the_kernels_own_tests_run_clean(tmp_path: Path) -> None:
    gcc = shutil.which("gcc")
    runtimes = [] if gcc is None else [_runtime(gcc, name) for name in ("libasan.so", "libubsan.so")]
    if not runtimes or None in runtimes:
        pytest.skip("needs gcc with its address and undefined-behaviour sanitizers")
    if not variants():
        pytest.skip("no variant of the kernels was built for this machine")
    sources = Path(shutil.copytree(build.SOURCES, tmp_path / "src"))
    block = (sources / "block.c").read_text()
    assert KEPT in block
    (sources / "block.c").write_text(block.replace(KEPT, "#define KEPT_BYTES ((size_t)0)"))
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        list(threads.map(lambda variant: _compile(str(gcc), variant, sources, tmp_path), (*variants(), *halves())))
    environment = {
        **os.environ,
        "LD_PRELOAD": " ".join(map(str, runtimes)),
        "ASAN_OPTIONS": "detect_leaks=0",  # Python's own
        "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path]),
    }
    tests = [f"tests/kernels/native/test_{part}.py" for part in ("library", "half", "observed", "stack")]
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(tmp_path), *tests, "-k", "not fork and not another_process"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    passed = int(done.stdout.rpartition(" passed")[0].split()[-1])
    assert passed > 60 * len(variants())


def _runtime(gcc: str, name: str) -> str | None:
    found = subprocess.run([gcc, f"-print-file-name={name}"], capture_output=True, text=True, check=True).stdout.strip()
    return found if Path(found).is_absolute() else None


def _compile(gcc: str, variant: str, sources: Path, folder: Path) -> None:
    flags = [flag for flag in build.FLAGS if flag != "-O3"]
    files = [*build.DEFINES.get(variant, ()), *build.sources(variant, sources)]
    library = folder / build.library_name(variant, build.TARGETS[build.host_target()].suffix)
    subprocess.run([gcc, *flags, *SANITIZE, *build.machine(variant), *files, "-o", str(library)], check=True)
