"""Load a user's class or function from a file. The file is executed: only the separate process does this."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from pathlib import Path
from typing import Any

from unrolled.errors import UnknownName, UserCodeError

__all__ = ["load", "split"]


def split(target: str, what: str = "module") -> tuple[Path, str]:
    """path/to/file.py:Name in its two parts.

    Raises:
        UserCodeError: it is not of that form, or there is no such file.
    """
    file, _, name = target.rpartition(":")
    path = Path(file).expanduser()
    if not file.endswith(".py") or not name.isidentifier():
        raise UserCodeError(f"{target!r} names no {what}: give path/to/file.py:Name")
    if not path.is_file():
        raise UserCodeError(f"no file {str(path)!r} to take {name!r} from")
    return path, name


def load(target: str, what: str = "module") -> Any:
    """What `target` names, after its file was run; files beside it can be imported by it.

    Raises:
        UserCodeError: no such file, or it fails.
        UnknownName: the file defines no such name.
    """
    path, name = split(target, what)
    module_name = f"examined_{path.stem}"
    loaded = sys.modules.get(module_name)
    if loaded is None or getattr(loaded, "__file__", None) != str(path.resolve()):
        spec = importlib.util.spec_from_file_location(module_name, path.resolve())
        assert spec is not None
        assert spec.loader is not None
        loaded = importlib.util.module_from_spec(spec)
        sys.modules[module_name] = loaded
        sys.path.insert(0, str(path.resolve().parent))
        try:
            spec.loader.exec_module(loaded)
        except (Exception, SystemExit) as error:
            del sys.modules[module_name]
            raise UserCodeError(f"{str(path)!r} cannot be run: {type(error).__name__}: {error}") from error
        finally:
            sys.path.remove(str(path.resolve().parent))
    if not hasattr(loaded, name):
        own = [key for key, value in vars(loaded).items() if inspect.isclass(value) or inspect.isfunction(value)]
        raise UnknownName(what, name, own)
    return getattr(loaded, name)
