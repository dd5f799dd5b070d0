"""Makes the character model in the package: trains recipes/grimm.yaml, and packs the run into src/unrolled/generation.

    python recipes/grimm.py [--runs runs]

About fifteen minutes on two cores; goes on after Ctrl-C, and does not train again what is done.  What is packed is the
run as training wrote it, but for its weights, which are rounded to float16, and its checkpoint, which stays behind.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

import torch

from unrolled.cli import main as command
from unrolled.record import METRICS, RESULT, SAMPLES, SPEC, WEIGHTS, open_run, tensor_bytes, write_whole

NAME = "grimm"
RECIPE = Path(__file__).with_suffix(".yaml")
PACKAGE = Path(__file__).parents[1] / "src" / "unrolled" / "generation" / NAME


def main() -> int:
    """Train, then pack."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    runs: Path = parser.parse_args().runs
    code = command(["train", "--config", str(RECIPE), "--name", NAME, "--runs", str(runs), "--resume"])
    if code:
        return code
    run = open_run(runs / NAME)
    PACKAGE.mkdir(parents=True, exist_ok=True)
    for file in (SPEC, METRICS, SAMPLES, RESULT):
        shutil.copyfile(run.path / file, PACKAGE / file)
    halves = {name: weight.to(torch.float16) for name, weight in run.weights().items()}
    write_whole(PACKAGE / WEIGHTS, tensor_bytes(halves))
    size = sum(file.stat().st_size for file in PACKAGE.iterdir())
    print(f"{PACKAGE}: {size / 1e6:.2f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
