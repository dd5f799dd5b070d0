"""The process in which the user's code runs: ``python -m unrolled.doctor.child REQUEST ANSWER``."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import warnings
from pathlib import Path

from unrolled.errors import UnrolledError

__all__ = ["main"]


def main(request: str, answer: str) -> None:
    """Examine, and leave the diagnosis in the file ``answer``; what the user's code prints is thrown away."""
    wanted = json.loads(request)
    import torch

    from unrolled.doctor.examine import examine

    torch.set_num_threads(1)  # everything here is small
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, contextlib.redirect_stdout(nowhere):
        warnings.simplefilter("ignore")
        try:
            found = examine(wanted["target"], wanted["reference"], wanted["step"]).plain()
        except UnrolledError as error:
            found = {"error": str(error)}
    place = Path(answer)
    place.with_suffix(".part").write_text(json.dumps(found), encoding="utf-8")
    place.with_suffix(".part").rename(place)


if __name__ == "__main__":
    main(*sys.argv[1:])
