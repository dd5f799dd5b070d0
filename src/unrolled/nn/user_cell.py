"""Load a user's own cell class from a file: the one place where code that is not the package's is run."""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import sys
from pathlib import Path

from torch import nn
from torch.nn.parameter import is_lazy

from unrolled.errors import UnknownName, UserCodeError
from unrolled.nn.recurrent import Recurrent

__all__ = ["load_user_cell", "load_user_layer", "user_cell_sha256"]


def _split(cell: str) -> tuple[Path, str]:
    file, _, name = cell.rpartition(":")
    path = Path(file).expanduser()
    if not file.endswith(".py") or not name.isidentifier():
        raise UserCodeError(f"{cell!r} names no cell: give path/to/file.py:MyCell")
    if not path.is_file():
        raise UserCodeError(f"no file {str(path)!r} to take the cell {name!r} from")
    return path, name


def user_cell_sha256(cell: str) -> str:
    """SHA-256 of the file of ``cell`` (path/to/file.py:MyCell), which a run's spec keeps."""
    return hashlib.sha256(_split(cell)[0].read_bytes()).hexdigest()


def load_user_cell(cell: str, *, sha256: str | None = None) -> type[nn.Module]:
    """The class named by ``cell``; its file is executed.

    Args:
        cell: path/to/file.py:MyCell.
        sha256: what the file's hash must be, where a run's spec says so.

    Raises:
        UserCodeError: no such file, another file than the spec's, the file fails, or the name is no module class.
        UnknownName: the file defines no such class.
    """
    path, name = _split(cell)
    if sha256 is not None and user_cell_sha256(cell) != sha256:
        raise UserCodeError(
            f"{str(path)!r} has changed since the run was made (hash {user_cell_sha256(cell)[:12]}…, then "
            f"{sha256[:12]}…): give the file of that time, or train a new run"
        )
    module_name = f"unrolled_user_{path.stem}_{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:8]}"
    spec = importlib.util.spec_from_file_location(module_name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[module_name]
        raise UserCodeError(f"{str(path)!r} cannot be run: {type(error).__name__}: {error}") from error
    if not hasattr(module, name):
        own = [key for key, value in vars(module).items() if inspect.isclass(value)]
        raise UnknownName("class", name, own)
    found = getattr(module, name)
    if not (inspect.isclass(found) and issubclass(found, nn.Module)):
        raise UserCodeError(f"{cell!r} is of type {type(found).__name__}; a cell is a class of torch.nn.Module's")
    return found


def load_user_layer(
    cell: str,
    input_size: int,
    hidden_size: int,
    *,
    num_layers: int = 1,
    dropout: float = 0.0,
    sha256: str | None = None,
) -> Recurrent:
    """A stacked layer of a user's cell, each built as ``MyCell(input_size, hidden_size)``.

    Raises:
        UserCodeError: as `load_user_cell`, or the constructor fails.
    """
    cell_class = load_user_cell(cell, sha256=sha256)
    sizes = [input_size] + [hidden_size] * (num_layers - 1)
    try:
        cells = [cell_class(size, hidden_size) for size in sizes]
    except (Exception, SystemExit) as error:
        raise UserCodeError(
            f"{cell!r} cannot be built as {cell_class.__name__}({input_size}, {hidden_size}): "
            f"{type(error).__name__}: {error}"
        ) from error
    for name, weight in cells[0].named_parameters():
        if is_lazy(weight) or weight.is_meta:
            raise UserCodeError(
                f"{cell!r} has no values for its weight {name!r} when it is built: "
                f"make it in {cell_class.__name__}(input_size, hidden_size), of those sizes"
            )
    return Recurrent(cells, dropout=dropout)
