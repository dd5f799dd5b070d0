"""The package onnx, imported when it is first needed."""

from __future__ import annotations

import importlib
from typing import Any

from unrolled.errors import InputError

__all__ = ["load"]


def load() -> Any:
    """The module `onnx`.

    Raises:
        InputError: it is not installed.
    """
    try:
        return importlib.import_module("onnx")
    except ImportError as error:
        raise InputError(f'ONNX files need the package onnx ({error}): pip install "unrolled[onnx]"') from error
