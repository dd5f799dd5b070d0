"""A recurrent layer's state from outside: a tensor, or a tuple or dict of them, rows on the last axis but one.

torch.nn's layers and the house's all keep theirs so: [layers·directions, B, H].
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from unrolled.errors import UserCodeError

__all__ = ["detach", "from_tensors", "to_tensors", "zero_rows"]


def zero_rows(state: Any, rows: Tensor) -> Any:
    """The state with some of its rows at zero, where sequences begin; None stays None, all zero.

    Args:
        state: as a layer returned it.
        rows: bool [B].

    Raises:
        UserCodeError: a state whose last axis but one is not B long.
    """
    if state is None or not bool(rows.any()):
        return state

    def zeroed(tensor: Tensor) -> Tensor:
        if tensor.dim() < 2 or tensor.shape[-2] != len(rows):
            raise UserCodeError(
                f"a state to carry on must be [..., B, H] with B = {len(rows)}, but has shape {list(tensor.shape)}"
            )
        return torch.where(rows.unsqueeze(-1), torch.zeros_like(tensor), tensor)

    return _map(state, zeroed)


def detach(state: Any) -> Any:
    """The state as the next window begins with it: its values, and no gradient through them."""
    return None if state is None else _map(state, Tensor.detach)


def to_tensors(state: Any) -> dict[str, Tensor]:
    """The state's tensors by their place in it, for a checkpoint; `from_tensors` puts them back."""
    if state is None:
        return {}
    if isinstance(state, Tensor):
        return {"": state}
    items = state.items() if isinstance(state, Mapping) else enumerate(state)
    return {f"{key}.{rest}" if rest else str(key): t for key, part in items for rest, t in to_tensors(part).items()}


def from_tensors(tensors: Mapping[str, Tensor]) -> Any:
    """A state from `to_tensors`: tuples where the places are numbers, dicts where they are names."""
    if not tensors:
        return None
    if "" in tensors:
        return tensors[""]
    parts: dict[str, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        head, _, rest = key.partition(".")
        parts.setdefault(head, {})[rest] = tensor
    if all(head.isdecimal() for head in parts):
        return tuple(from_tensors(parts[head]) for head in sorted(parts, key=int))
    return {head: from_tensors(part) for head, part in parts.items()}


def _map(state: Any, change: Callable[[Tensor], Tensor]) -> Any:
    if isinstance(state, Tensor):
        return change(state)
    if isinstance(state, Mapping):
        return {key: _map(part, change) for key, part in state.items()}
    if isinstance(state, tuple | list):
        return tuple(_map(part, change) for part in state)
    raise UserCodeError(f"a state to carry on must be tensors, or tuples of them, not {type(state).__name__}")
