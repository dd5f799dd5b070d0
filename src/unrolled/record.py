"""A run on disk: the border between training, which writes it, and everything else, which reads it.

``runs/<name>/`` holds

* ``spec.yaml``: the whole spec, written first; without it a directory is no run;
* ``metrics.jsonl``: one JSON object a line, of ``kind`` "train" or "evaluation";
* ``looks.jsonl``: what the gradient microscope saw on the way, one look a line, where it was asked to;
* ``samples.jsonl``: text only, one sample a line; ``summaries.txt``: the same for people, a line each;
* ``state.safetensors``: the last checkpoint, everything that is needed to go on bit for bit, and of a text the
  characters that its network knows;
* ``weights.safetensors``: the final weights, or the last good ones of a run that diverged; equal specs give equal
  bytes;
* ``result.json``: written last; its presence means that the run is done;
* ``failure.json``: why the last try at the run did not come to its end, where it was one of many; gone when it is
  tried again.

Files are replaced whole (`write_whole`) or appended to a line at a time, so a kill at any moment leaves a run that
reads and resumes. Tensor files carry a checksum over all they hold; a file that was cut, changed or written by
something else is a `RecordError`, never a traceback.

History of `FORMAT`: 1, the first.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeVar

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from unrolled import data, nn
from unrolled.errors import InputError, RecordError, StorageError, UnknownName, UserCodeError
from unrolled.spec import (
    GraphModelSpec,
    GraphTimeModelSpec,
    RunSpec,
    TextSpec,
    build_forecaster,
    build_model,
    build_node_classifier,
    build_task,
    parse,
    read_yaml,
)

__all__ = [
    "FAILURE",
    "FORMAT",
    "LOOKS",
    "Run",
    "damaged_runs",
    "find_run",
    "held",
    "list_runs",
    "load_character_model",
    "load_forecaster",
    "load_model",
    "load_node_model",
    "open_run",
    "read_tensors",
    "storing",
    "tensor_bytes",
    "write_whole",
]

FORMAT = 1
"""Version of the run's files; its history is in the module's docstring."""

SPEC, METRICS, SAMPLES, SUMMARIES = "spec.yaml", "metrics.jsonl", "samples.jsonl", "summaries.txt"
STATE, WEIGHTS, RESULT = "state.safetensors", "weights.safetensors", "result.json"
LOOKS = "looks.jsonl"
FAILURE = "failure.json"

MODEL_PREFIX = "model."
"""What the network's tensors are called by in ``state.safetensors``, before their own names."""

M = TypeVar("M", bound=torch.nn.Module)

_SEAL = "unrolled"
"""The one metadata key of our tensor files (several would be written in no fixed order)."""


# ── writing ──────────────────────────────────────────────────────────────────────────────────────────────────────

_REASONS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "there is no permission to write",
    errno.EPERM: "there is no permission to write",
    errno.ENOENT: "the folder does not exist",
    errno.ENOTDIR: "a part of the path is a file, not a folder",
    errno.EEXIST: "a file of that name is in the way",
    errno.ENAMETOOLONG: "the name is too long",
}


@contextlib.contextmanager
def storing(path: Path) -> Iterator[None]:
    """Turns the system's refusal to write ``path`` into a `StorageError` that names the path and the reason."""
    try:
        yield
    except OSError as error:
        if isinstance(error, StorageError):
            raise
        reason = _REASONS.get(error.errno or 0) or error.strerror or str(error)
        raise StorageError(f"cannot write {str(path)!r}: {reason}") from error


@contextlib.contextmanager
def held(folder: Path, *, wait: bool) -> Iterator[None]:
    """Hold a folder against other processes; the system lets go of it when the process ends, however it ends.

    Where the system or the file system has no locks, nothing is held.

    Args:
        folder: which must be there.
        wait: for another process to let go of it.

    Raises:
        BlockingIOError: another process holds it, and this one is not to wait.
        StorageError: it cannot be opened.
    """
    if sys.platform == "win32":
        yield
        return
    import fcntl

    with storing(folder):
        opened = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise
        except OSError:  # a file system without locks
            pass
        yield
    finally:
        os.close(opened)


def write_whole(path: Path, content: bytes | str) -> None:
    """Writes a file so that a reader, at any moment and after any kill, finds all of the old one or all of the new.

    Raises:
        StorageError: the disk is full, read-only, not ours or not there; the old file is untouched.
    """
    payload = content.encode() if isinstance(content, str) else content
    with storing(path):
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        try:
            with temporary.open("wb") as file:
                file.write(payload)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
        if os.name == "posix":
            folder = os.open(path.parent, os.O_RDONLY)
            try:
                with contextlib.suppress(OSError):  # some network file systems cannot
                    os.fsync(folder)
            finally:
                os.close(folder)


def tensor_bytes(tensors: Mapping[str, Tensor], content: Mapping[str, Any] | None = None) -> bytes:
    """A safetensors file of ``tensors`` with a JSON ``content`` beside them, sealed by a checksum over both.

    Equal tensors and content give equal bytes. Tensors that share memory are each written out.
    """
    plain = {key: value.detach().to("cpu", copy=True).contiguous() for key, value in tensors.items()}
    written = json.dumps(content or {}, sort_keys=True, allow_nan=False)
    seal = json.dumps({"format": FORMAT, "sha256": _checksum(plain, written), "content": written}, sort_keys=True)
    return safetensors.torch.save(plain, metadata={_SEAL: seal})


def _checksum(tensors: Mapping[str, Tensor], written: str) -> str:
    digest = hashlib.sha256(written.encode())
    for key, value in sorted(tensors.items()):
        digest.update(f"{key} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


# ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────────


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors and the JSON content of a file made by `tensor_bytes`.

    Raises:
        RecordError: missing, cut short, changed, or not one of ours.
    """
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            # Copied, for torch's own alignment: products can depend on it in their last bits.
            tensors = {key: file.get_tensor(key).clone() for key in file.keys()}  # noqa: SIM118
    except FileNotFoundError:
        raise RecordError(f"no file {str(path)!r}") from None
    except (OSError, safetensors.SafetensorError, RuntimeError, ValueError) as error:
        raise RecordError(f"{str(path)!r} is damaged or no safetensors file: {_first_line(error)}") from None
    try:
        seal = json.loads(metadata[_SEAL])
        version, expected, written = seal["format"], seal["sha256"], seal["content"]
        content = json.loads(written)
    except (KeyError, TypeError, ValueError, RecursionError):
        raise RecordError(f"{str(path)!r} was not written by unrolled: it has no seal") from None
    if version != FORMAT:
        raise RecordError(f"{str(path)!r} has format {version!r}; this version reads format {FORMAT}")
    if _checksum(tensors, written) != expected:
        raise RecordError(f"{str(path)!r} is damaged: its checksum does not hold")
    return tensors, content


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]


def _read_lines(path: Path) -> list[dict[str, Any]]:
    """The objects of a ``.jsonl`` file; a last line that is still being written is left out."""
    try:
        written = path.read_bytes()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise RecordError(f"{str(path)!r} cannot be read: {error.strerror or error}") from None
    lines = []
    for number, line in enumerate(written.split(b"\n")[:-1], start=1):
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            raise RecordError(f"{str(path)!r} is damaged: line {number} is no JSON object")
        lines.append(value)
    return lines


@dataclass(frozen=True)
class Run:
    """A run as it is on disk.

    Attributes:
        path: its directory.
        spec: what it was asked to do, resolved and whole.
        status: done, unfinished (it can be resumed) or diverged.
        result: the content of ``result.json``, once there is one.
        failure: why the last try at an unfinished run failed, where that was noted.
    """

    path: Path
    spec: RunSpec
    status: Literal["done", "unfinished", "diverged"]
    result: Mapping[str, Any] | None
    failure: str | None = None

    @property
    def name(self) -> str:
        """The name of its directory."""
        return self.path.name

    def metrics(self, kind: Literal["train", "evaluation"] | None = None) -> list[dict[str, Any]]:
        """What was measured on the way, in order; of one kind or of all.

        Raises:
            RecordError: the file is damaged.
        """
        lines = _read_lines(self.path / METRICS)
        if not all(type(line.get("step")) is int and isinstance(line.get("kind"), str) for line in lines):
            raise RecordError(f"{str(self.path / METRICS)!r} is damaged: a line has no step, or no kind")
        return [line for line in lines if kind is None or line["kind"] == kind]

    def samples(self) -> list[dict[str, Any]]:
        """The texts sampled on the way, in order.

        Raises:
            RecordError: the file is damaged.
        """
        return _read_lines(self.path / SAMPLES)

    def looks(self) -> list[dict[str, Any]]:
        """What the gradient microscope saw on the way, in order.

        Raises:
            RecordError: the file is damaged.
        """
        return _read_lines(self.path / LOOKS)

    def weights(self) -> dict[str, Tensor]:
        """The network's tensors by their names: the final ones, or the last checkpoint's of an unfinished run.

        Raises:
            RecordError: there are none yet, or the file is damaged or another run's.
        """
        if self.result is not None:
            tensors, content = read_tensors(self.path / WEIGHTS)
            if content.get("identity", self.spec.identity()) != self.spec.identity():  # earlier versions name none
                raise RecordError(f"{str(self.path / WEIGHTS)!r} has the weights of another run than {SPEC} beside it")
            return tensors
        if not (self.path / STATE).exists():
            raise RecordError(f"run {self.name!r} has no weights yet: it stopped before its first checkpoint")
        tensors, _ = read_tensors(self.path / STATE)
        return {key.removeprefix(MODEL_PREFIX): value for key, value in tensors.items() if key.startswith(MODEL_PREFIX)}

    def weights_of_step(self) -> int:
        """After how many steps the network had the weights that `weights` gives.

        Raises:
            RecordError: the file is damaged.
        """
        if self.result is not None:
            return int(self.result.get("weights_of_step", self.result["steps"]))
        return int(self.position().get("step", 0))

    def position(self) -> dict[str, Any]:
        """Where the last checkpoint stands: its step and what else is needed to go on; empty where there is none.

        Raises:
            RecordError: the file is damaged.
        """
        if not (self.path / STATE).exists():
            return {}
        position: dict[str, Any] = read_tensors(self.path / STATE)[1].get("position", {})
        return position


def open_run(path: Path | str) -> Run:
    """The run in the directory ``path``.

    Raises:
        RecordError: there is none, or its spec or result is damaged.
    """
    path = Path(path)
    if not path.is_dir():
        raise RecordError(f"no run at {str(path)!r}")
    if not (path / SPEC).exists():
        raise RecordError(f"{str(path)!r} is no run: it has no {SPEC}")
    try:
        spec = parse(read_yaml(path / SPEC))
    except InputError as error:
        raise RecordError(f"run {str(path)!r} is damaged: {error}") from None
    result = _read_result(path / RESULT, spec)
    if result is None:
        return Run(path, spec, "unfinished", None, _read_failure(path / FAILURE))
    return Run(path, spec, "diverged" if result["stopped"] == "diverged" else "done", result)


def _read_result(path: Path, spec: RunSpec) -> dict[str, Any] | None:
    try:
        result = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise RecordError(f"{str(path)!r} is damaged: {_first_line(error)}") from None
    if not isinstance(result, dict) or not {"format", "identity", "stopped", "steps"} <= result.keys():
        raise RecordError(f"{str(path)!r} is damaged: it is no result of a run")
    steps = (result["steps"], result.get("weights_of_step", 0))
    if not isinstance(result["stopped"], str) or any(type(step) is not int or step < 0 for step in steps):
        raise RecordError(f"{str(path)!r} is damaged: it is no result of a run")
    if result["format"] != FORMAT:
        raise RecordError(f"{str(path)!r} has format {result['format']!r}; this version reads format {FORMAT}")
    if result["identity"] != spec.identity():
        raise RecordError(f"{str(path)!r} does not belong to the {SPEC} beside it, which was changed or exchanged")
    return result


def _read_failure(path: Path) -> str | None:
    try:
        failure = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise RecordError(f"{str(path)!r} is damaged: {_first_line(error)}") from None
    return str(failure.get("error", "unknown")) if isinstance(failure, dict) else "unknown"


def list_runs(root: Path | str = "runs") -> list[Run]:
    """Every run under ``root``, by name; what is no run, or too damaged to open, is passed over: see `damaged_runs`."""
    found = []
    for folder in _folders(root):
        with contextlib.suppress(RecordError):
            found.append(open_run(folder))
    return found


def damaged_runs(root: Path | str, whole: Iterable[Run]) -> list[str]:
    """Why each of those cannot be opened that have a spec and are not among the ``whole`` that `list_runs` found."""
    known, found = {run.name for run in whole}, []
    for folder in _folders(root):
        try:
            if folder.name not in known and (folder / "spec.yaml").is_file():
                open_run(folder)
        except RecordError as error:
            found.append(str(error))
    return found


def _folders(root: Path | str) -> list[Path]:
    try:
        return sorted(path for path in Path(root).iterdir() if path.is_dir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise RecordError(f"{str(root)!r} cannot be read: {error.strerror or error}") from None


def find_run(name_or_path: Path | str, root: Path | str = "runs") -> Run:
    """The run of that name under ``root``, or else in the directory of that path.

    Raises:
        UnknownName: there is no such run.
        RecordError: there is one and it is damaged.
    """
    given = str(name_or_path)
    for path in (Path(root) / given, Path(given)):
        if given and path.is_dir():
            return open_run(path)
    raise UnknownName("run", given, [run.name for run in list_runs(root)])


def load_model(run: Run, *, cell: str | None = None) -> tuple[nn.SequenceClassifier | nn.CharacterModel, data.Task]:
    """The trained network of a run on sequences, ready to answer (`eval` mode, on the CPU), and its task.

    Args:
        run: done, diverged or unfinished; it must have weights.
        cell: path/to/file.py:MyCell, for a run made with a user's own cell: code that a run on disk names is
            never executed unless it is named again.

    Raises:
        RecordError: the weights are missing, damaged, or not of this spec's network.
        UserCodeError: the run was made with a user's code, which was not given or is another than then.
        InputError: the run is on a graph; see `load_node_model` and `load_forecaster`.
    """
    spec = _with_cell(run, cell)
    weights = run.weights()
    task = build_task(spec)
    assert isinstance(task, data.Task)
    return _network(run, spec, weights, task), task


def load_character_model(run: Run, *, cell: str | None = None) -> tuple[nn.CharacterModel, data.Vocabulary]:
    """The trained network of a run on a text and the characters it knows, as `load_model`.

    The text itself is read only where the symbols are not bytes and neither the run's result nor its last checkpoint
    names its characters (earlier versions' checkpoints do not).

    Raises:
        InputError: the run learnt something else than a text.
        RecordError, UserCodeError: as `load_model`.
    """
    if run.spec.task_name != data.NextCharacter.name:
        raise InputError(f"run {run.name!r} learnt {run.spec.task_name}, not text: it has nothing to write")
    spec = _with_cell(run, cell)
    weights = run.weights()
    named = (run.result if run.result is not None else run.position()).get("vocabulary")
    assert isinstance(spec.task, TextSpec)
    if spec.task.vocabulary == "bytes":
        vocabulary: data.Vocabulary = data.ByteVocabulary()
    elif isinstance(named, str) and named:
        vocabulary = data.Vocabulary(named)
    else:
        task = build_task(spec)
        assert isinstance(task, data.NextCharacter)
        vocabulary = task.corpus.vocabulary
    model = _network(run, spec, weights, vocabulary)
    assert isinstance(model, nn.CharacterModel)
    return model, vocabulary


def _with_cell(run: Run, cell: str | None) -> RunSpec:
    """The run's spec, with the file of a user's own cell as it is named now."""
    _require_own_network(run)
    spec = run.spec
    if isinstance(spec.model, GraphModelSpec):
        raise InputError(f"run {run.name!r} learnt the nodes of a graph: it has no network of cells")
    if isinstance(spec.model, GraphTimeModelSpec):
        raise InputError(f"run {run.name!r} learnt to forecast {run.spec.task_name}: it has no network of cells")
    if spec.user_cell is not None:
        if cell is None:
            raise UserCodeError(
                f"run {run.name!r} was made with your own cell {spec.user_cell!r}: name it again (--cell), "
                "so that no code is run only because a file on disk says so"
            )
        spec = replace(spec, model=replace(spec.recurrent, cell=cell))
    elif cell is not None and cell != spec.network:
        raise UserCodeError(f"run {run.name!r} was made with the cell {spec.network!r}, not with {cell!r}")
    return spec


def _network(
    run: Run, spec: RunSpec, weights: Mapping[str, Tensor], task: data.Task | data.Vocabulary
) -> nn.SequenceClassifier | nn.CharacterModel:
    return _ready(run, build_model(spec.recurrent, task), weights)


def load_node_model(run: Run) -> tuple[nn.NodeClassifier, data.NodeClassification]:
    """The trained network of a run on a graph, ready to answer (`eval` mode, on the CPU), and its task.

    Raises:
        RecordError: the weights are missing, damaged, or not of this spec's network.
        UserCodeError: the run trained a module that was given to `train`.
        InputError: the run is on sequences, or its graph cannot be read.
    """
    _require_own_network(run)
    if not isinstance(run.spec.model, GraphModelSpec):
        raise InputError(f"run {run.name!r} learnt {run.spec.task_name}: it has no network of graph layers")
    weights, task = run.weights(), build_task(run.spec)
    assert isinstance(task, data.NodeClassification)
    return _ready(run, build_node_classifier(run.spec.model, task), weights), task


def load_forecaster(run: Run) -> tuple[nn.GraphForecaster, data.Forecasting]:
    """The trained network of a run that forecasts, ready to answer (`eval` mode, on the CPU), and its task.

    Raises:
        RecordError: the weights are missing, damaged, or not of this spec's network.
        UserCodeError: the run trained a module that was given to `train`.
        InputError: the run forecasts nothing, or its data cannot be read.
    """
    _require_own_network(run)
    if not isinstance(run.spec.model, GraphTimeModelSpec):
        raise InputError(f"run {run.name!r} learnt {run.spec.task_name}: it forecasts nothing")
    weights, task = run.weights(), build_task(run.spec)
    assert isinstance(task, data.Forecasting)
    return _ready(run, build_forecaster(run.spec.model, task), weights), task


def _require_own_network(run: Run) -> None:
    if run.result is not None and run.result.get("given_model"):
        raise UserCodeError(
            f"run {run.name!r} trained a module given to train(model=...): build that module and load run.weights()"
        )


def _ready(run: Run, model: M, weights: Mapping[str, Tensor]) -> M:
    """The network with the run's weights, in `eval` mode."""
    if run.spec.training.precision == "float64":
        model.double()
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        detail = " ".join(line.strip() for line in str(error).splitlines()[1:2]) or _first_line(error)
        raise RecordError(f"the weights of run {run.name!r} are not of its spec's network: {detail}") from None
    return model.eval()
