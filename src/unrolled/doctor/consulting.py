"""Run an examination in a process of its own: whatever the user's code does, it ends there."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Collection
from pathlib import Path

from unrolled.doctor.finding import Diagnosis
from unrolled.doctor.loading import split
from unrolled.doctor.reference import REFERENCES
from unrolled.errors import InputError, UnknownName, UserCodeError

__all__ = ["SECONDS", "consult"]

SECONDS = 60.0
"""How long an examination may take, by default."""

_TAIL = 300


def consult(
    target: str,
    reference: str,
    step: str | None = None,
    *,
    seconds: float = SECONDS,
    before: Callable[[Collection[Path]], None] | None = None,
) -> Diagnosis:
    """Examine path/to/file.py:Name in another process.

    What the user's code prints goes nowhere; a crash, an endless loop or an exit of it is the verdict
    "unknown", and says so.

    Args:
        target: what to examine.
        reference: a name of `REFERENCES`.
        step: a train step to examine with it, path/to/file.py:train_step.
        seconds: the time limit.
        before: called with the files whose code will be run, once everything is in order and before any of it is.

    Raises:
        UserCodeError: no such file, or it cannot be run, or holds nothing of that name.
        UnknownName: no such reference.
        InputError: a time limit that is none.
    """
    if reference not in REFERENCES:
        raise UnknownName("reference", reference, REFERENCES)
    if not seconds > 0:
        raise InputError(f"the time limit is {seconds:g} seconds: above 0")
    named = ((target, "module"), (step, "train step"))
    files = dict.fromkeys(split(given, what)[0] for given, what in named if given is not None)
    if before is not None:
        before(files.keys())
    request = {"target": target, "reference": reference, "step": step}
    with tempfile.TemporaryDirectory(prefix="unrolled-doctor-") as folder:
        answer = Path(folder) / "answer.json"
        command = [sys.executable, "-m", "unrolled.doctor.child", json.dumps(request), str(answer)]
        complaints = Path(folder) / "stderr"
        with complaints.open("wb") as stderr:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                start_new_session=os.name == "posix",
                env={**os.environ, "PYTHONPATH": _paths()},
            )
            try:
                code = process.wait(seconds)
            except subprocess.TimeoutExpired:
                return _unknown(target, reference, f"the code did not come to an end within {seconds:g} seconds")
            finally:
                _end(process)
        try:
            found = json.loads(answer.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            said = complaints.read_text(encoding="utf-8", errors="replace").strip()[-_TAIL:]
            last = said.rpartition("\n")[2]
            how = f"signal {-code}" if code < 0 else f"exit code {code}"
            return _unknown(target, reference, f"the code ended its process ({how}{': ' + last if last else ''})")
    if "error" in found:
        raise UserCodeError(found["error"])
    return Diagnosis.from_plain(found)


def _unknown(target: str, reference: str, reason: str) -> Diagnosis:
    return Diagnosis(target, reference, "unknown", reason=reason)


def _paths() -> str:
    """Where this package lies, for the child to find it too."""
    here = str(Path(__file__).resolve().parents[2])
    return os.pathsep.join(path for path in (here, os.environ.get("PYTHONPATH", "")) if path)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process and whatever it started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if os.name == "posix":
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    process.wait()
