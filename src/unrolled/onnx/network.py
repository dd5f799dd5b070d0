"""A graph of ONNX nodes while it grows."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor

from unrolled.onnx import package

__all__ = ["Network"]


class Network:
    """Nodes in order, and the constants that they read; every value has a name of its own."""

    def __init__(self, prefix: str = "") -> None:
        self._onnx = package.load()
        self._prefix = prefix
        self._number = 0
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []

    def node(self, operator: str, *inputs: str, name: str | None = None, outputs: int = 1, **attributes: Any) -> Any:
        """Add a node; the name of its result, or the names of its `outputs`. An input "" is absent."""
        name = self._fresh(operator.lower() if name is None else name)
        results = [name] if outputs == 1 else [f"{name}.{number}" for number in range(outputs)]
        self.nodes.append(self._onnx.helper.make_node(operator, list(inputs), results, name=name, **attributes))
        return results[0] if outputs == 1 else results

    def rename(self, value: str, name: str) -> str:
        """Give a value the name under which it is an output."""
        self.nodes.append(self._onnx.helper.make_node("Identity", [value], [name], name=f"{name}.out"))
        return name

    def constant(self, value: Tensor | np.ndarray[Any, Any] | list[int], name: str = "constant") -> str:
        """Add a constant; a list is one of int64."""
        if isinstance(value, Tensor):
            value = value.detach().cpu().contiguous().numpy()
        array = np.array(value, np.int64) if isinstance(value, list) else np.asarray(value)
        name = self._fresh(name)
        self.initializers.append(self._onnx.numpy_helper.from_array(array, name))
        return name

    def part(self, value: str, start: int, end: int, axis: int = 0) -> str:
        """`value[start:end]` along an axis."""
        sliced: str = self.node("Slice", value, *(self.constant([bound]) for bound in (start, end, axis)))
        return sliced

    def _fresh(self, name: str) -> str:
        self._number += 1
        return f"{self._prefix}{name}_{self._number}"
