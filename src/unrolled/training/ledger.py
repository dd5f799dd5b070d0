"""Where a run is written while it trains: into its directory, or nowhere."""

from __future__ import annotations

import contextlib
import io
import json
import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, final

from unrolled.errors import HeldError, RecordError, SpecError, StorageError
from unrolled.record import (
    FORMAT,
    LOOKS,
    METRICS,
    RESULT,
    SAMPLES,
    SPEC,
    STATE,
    SUMMARIES,
    WEIGHTS,
    Run,
    held,
    open_run,
    read_tensors,
    storing,
    tensor_bytes,
    write_whole,
)
from unrolled.spec import RunSpec, dump_yaml
from unrolled.training.checkpoint import Checkpoint

__all__ = ["DiskLedger", "Ledger", "NoLedger", "is_held", "open_ledger", "require_name", "run_there"]


class Ledger(ABC):
    """Takes down what training says, in order."""

    @abstractmethod
    def metrics(self, line: Mapping[str, Any]) -> None:
        """Add a line to the metrics."""

    @abstractmethod
    def sample(self, line: Mapping[str, Any], readable: str) -> None:
        """Add a line to the samples, and to their summaries what people read of it."""

    @abstractmethod
    def look(self, line: Mapping[str, Any]) -> None:
        """Add a line to what the microscope saw."""

    @abstractmethod
    def save(self, checkpoint: Checkpoint) -> None:
        """Make this moment the one to resume from."""

    @abstractmethod
    def finish(self, weights: Checkpoint, result: Mapping[str, Any]) -> Run | None:
        """Write the weights of that moment and then the result: the run is done."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the files."""


@final
class NoLedger(Ledger):
    """For training in a library, a notebook or a test: nothing is written."""

    def metrics(self, line: Mapping[str, Any]) -> None:
        """Nothing."""

    def sample(self, line: Mapping[str, Any], readable: str) -> None:
        """Nothing."""

    def look(self, line: Mapping[str, Any]) -> None:
        """Nothing."""

    def save(self, checkpoint: Checkpoint) -> None:
        """Nothing."""

    def finish(self, weights: Checkpoint, result: Mapping[str, Any]) -> Run | None:
        """Nothing."""
        return None

    def close(self) -> None:
        """Nothing."""


@final
class DiskLedger(Ledger):
    """A run's directory, held by one process at a time.

    Lines written after the last checkpoint will be written again by the steps that are taken again, so a resumed run
    first cuts its files back to the lengths that the checkpoint knows.

    Args:
        path: the run's directory; it has its ``spec.yaml``.
        identity: of the spec.
        given_model: whether the network was given to `train`, and so is not of the spec.
        hold: what holds the directory (`held`); the ledger lets go of it when it is closed.

    Attributes:
        resumed: the checkpoint to go on from, where there is one.
    """

    def __init__(self, path: Path, identity: str, given_model: bool, hold: contextlib.ExitStack) -> None:
        self.path = path
        self._head = {"format": FORMAT, "identity": identity, "given_model": given_model}
        with hold as stack:
            with storing(path):
                for leftover in path.glob(".*.tmp"):
                    leftover.unlink()
            self.resumed, lengths = self._read_state()
            self._metrics = stack.enter_context(_Lines(path / METRICS, lengths.get(METRICS, 0)))
            self._samples = stack.enter_context(_Lines(path / SAMPLES, lengths.get(SAMPLES, 0)))
            self._summaries = stack.enter_context(_Lines(path / SUMMARIES, lengths.get(SUMMARIES, 0)))
            self._looks = stack.enter_context(_Lines(path / LOOKS, lengths.get(LOOKS, 0)))
            self._stack = stack.pop_all()

    def _read_state(self) -> tuple[Checkpoint | None, dict[str, int]]:
        if not (self.path / STATE).exists():
            return None, {}
        tensors, content = read_tensors(self.path / STATE)
        try:
            head, position, lengths = content["run"], content["position"], content["lengths"]
        except KeyError:
            raise RecordError(f"{str(self.path / STATE)!r} is no checkpoint of a run") from None
        if head["identity"] != self._head["identity"]:
            raise RecordError(f"{str(self.path / STATE)!r} is a checkpoint of another run than the {SPEC} beside it")
        if head["given_model"] != self._head["given_model"]:
            what = "a module given to train(model=...)" if head["given_model"] else "the network of its spec"
            raise RecordError(f"run {self.path.name!r} trains {what}: resume it that way")
        return Checkpoint(tensors, position), lengths

    def metrics(self, line: Mapping[str, Any]) -> None:
        """Append to ``metrics.jsonl``."""
        self._metrics.append(json.dumps(line, allow_nan=False, ensure_ascii=False))

    def sample(self, line: Mapping[str, Any], readable: str) -> None:
        """Append to ``samples.jsonl`` and ``summaries.txt``."""
        self._samples.append(json.dumps(line, allow_nan=False, ensure_ascii=False))
        self._summaries.append(readable)

    def look(self, line: Mapping[str, Any]) -> None:
        """Append to ``looks.jsonl``."""
        self._looks.append(json.dumps(line, allow_nan=False))

    def save(self, checkpoint: Checkpoint) -> None:
        """Replace ``state.safetensors``, after what it counts on is safely on disk."""
        lengths = {
            METRICS: self._metrics.settled_length(),
            SAMPLES: self._samples.settled_length(),
            SUMMARIES: self._summaries.settled_length(),
            LOOKS: self._looks.settled_length(),
        }
        content = {"run": self._head, "position": checkpoint.position, "lengths": lengths}
        write_whole(self.path / STATE, tensor_bytes(checkpoint.tensors, content))

    def finish(self, weights: Checkpoint, result: Mapping[str, Any]) -> Run | None:
        """Replace ``weights.safetensors``, and write ``result.json`` last."""
        self._metrics.settled_length()
        self._samples.settled_length()
        self._summaries.settled_length()
        self._looks.settled_length()
        write_whole(self.path / WEIGHTS, tensor_bytes(weights.weights, {"identity": self._head["identity"]}))
        written = json.dumps({**self._head, **result}, indent=1, allow_nan=False, ensure_ascii=False)
        write_whole(self.path / RESULT, written + "\n")
        return open_run(self.path)

    def close(self) -> None:
        """Close the files and let go of the directory."""
        self._stack.close()


@final
class _Lines:
    """A file that is appended to a whole line at a time."""

    def __init__(self, path: Path, length: int) -> None:
        self._path = path
        with storing(path):
            self._file = io.FileIO(os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666), "r+")
        if self._file.seek(0, os.SEEK_END) < length:
            self._file.close()
            raise RecordError(f"{str(path)!r} is damaged: it is shorter than its run's checkpoint says")
        with storing(path):
            self._file.truncate(length)
        self._file.seek(length)

    def append(self, line: str) -> None:
        written = memoryview(line.encode("utf-8", "surrogatepass") + b"\n")
        with storing(self._path):
            while written:
                written = written[self._file.write(written) :]

    def settled_length(self) -> int:
        """The length of the file, all of which is now on the disk itself."""
        with storing(self._path):
            os.fsync(self._file.fileno())
        return self._file.tell()

    def __enter__(self) -> _Lines:
        return self

    def __exit__(self, *exception: object) -> None:
        self._file.close()


def require_name(name: str) -> None:
    """Refuse a run's name that cannot be a directory's on every system.

    Raises:
        SpecError: saying what would do.
    """
    if not name.isprintable() or not 0 < len(name.encode()) <= 200 or name[0] in ".-~" or name[-1] in ". ":
        raise SpecError(
            f"name is {name!r}: give 1 to 200 bytes of printable characters"
            " that do not begin with . - or ~ and do not end with . or a space"
        )
    forbidden = sorted(set(name) & set('/\\:*?"<>|'))
    if forbidden:
        raise SpecError(f"name is {name!r}: it names one folder, without {' '.join(forbidden)}")


def open_ledger(path: Path, spec: RunSpec, *, resume: bool, given_model: bool) -> DiskLedger | Run:
    """The run's directory, made where it is not there; or the run, where it is done already and that will do.

    Args:
        path: runs/<name>.
        spec: resolved.
        resume: go on with what is there.
        given_model: whether the network is given to `train`.

    Raises:
        RecordError: the name is taken, or by another spec, or by something that is no run, or the run is damaged.
        StorageError: nothing can be written there.
    """
    there = run_there(path, spec, resume)
    if there is not None and there.result is not None:
        return there
    with contextlib.ExitStack() as hold:
        is_new = _make(path)
        try:
            try:
                hold.enter_context(held(path, wait=False))
            except BlockingIOError:
                raise HeldError(f"run {path.name!r} is being trained by another process") from None
            there = run_there(path, spec, resume)  # for another process may just have begun or ended it
            if there is None:
                write_whole(path / SPEC, dump_yaml(spec))
        except StorageError:
            if is_new:
                with contextlib.suppress(OSError):
                    path.rmdir()
            raise
        if there is not None and there.result is not None:
            return there
        return DiskLedger(path, spec.identity(), given_model, hold.pop_all())


def run_there(path: Path, spec: RunSpec, resume: bool) -> Run | None:
    """The run in ``path``, where there is one, if it may be gone on with.

    Raises:
        RecordError: it may not be, or what is there is no run.
    """
    if not _holds_a_run(path):
        return None
    run = open_run(path)
    if not resume:
        raise RecordError(f"run {path.name!r} is there already: resume it (--resume) or give another name")
    if run.spec.identity() != spec.identity():
        raise RecordError(f"run {path.name!r} was made with another spec: {_differences(run.spec, spec)}")
    return run


def _make(path: Path) -> bool:
    """Make the directory; whether it was not there."""
    with storing(path):
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            return False
    return True


def is_held(path: Path) -> bool:
    """Whether a process trains the run in ``path`` at this moment, as far as the file system can tell."""
    try:
        with held(path, wait=False):
            return False
    except BlockingIOError:
        return True


def _holds_a_run(path: Path) -> bool:
    """Whether there is a run; a directory in which one was only about to begin holds none."""
    if (path / SPEC).exists():
        return True
    if path.is_dir() and any(not _is_leftover(entry) for entry in path.iterdir()):
        raise RecordError(f"{str(path)!r} is there already and is no run: give another name")
    if path.exists() and not path.is_dir():
        raise RecordError(f"{str(path)!r} is a file: give another name")
    return False


def _is_leftover(entry: Path) -> bool:
    return entry.name.startswith(".") and entry.name.endswith(".tmp")


def _differences(there: RunSpec, asked: RunSpec) -> str:
    then, now = there.to_mapping(), asked.to_mapping()
    found = []
    for section in ("task", "model", "training"):
        for key in then[section].keys() | now[section].keys():
            before, after = then[section].get(key), now[section].get(key)
            if before != after:
                found.append(f"{section}.{key} {before!r}, now {after!r}")
    return "; ".join(sorted(found))
