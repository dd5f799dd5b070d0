"""The tests of recurrent layers, all of them, on each path that UNROLLED_KERNELS can name."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from unrolled.kernels.native.loader import variants

ROOT = Path(__file__).resolve().parents[2]
OWN = ("tests/nn/test_compile.py", "tests/nn/test_paths.py", "tests/nn/graph")


@pytest.mark.conformance
@pytest.mark.parametrize("path", ["native-v2", "native-v3", "native-v4", "torch", "reference"])
def test_the_recurrent_tests_pass(path: str) -> None:
    if path.startswith("native") and path.removeprefix("native-") not in variants():
        pytest.skip(f"the variant {path} is not built or does not run here")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--timeout=300"),
            *("tests/nn", "tests/onnx/test_writing.py", "tests/kernels/test_recurrent.py"),
            *(f"--ignore={own}" for own in OWN),
        ],
        cwd=ROOT,
        env={**os.environ, "UNROLLED_KERNELS": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]
