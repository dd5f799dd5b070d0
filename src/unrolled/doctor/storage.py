"""Every tensor that a module keeps, registered or not, and the way back to how it stood before a call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["Storage"]

_DEEPEST = 4


class Storage:
    """The tensors of one module under names, and its state as Python sees it.

    Attributes:
        tensors: name → tensor, parameters first, then buffers, then whatever lies in attributes.
        parameters: the names of those that `module.parameters()` gives.
        attributes: the names of those that no optimiser and no state_dict would ever see.
        aliases: pairs of names of one and the same parameter.
    """

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        self.tensors: dict[str, Tensor] = {}
        seen: dict[int, str] = {}
        self.aliases: list[tuple[str, str]] = []
        for name, parameter in module.named_parameters(remove_duplicate=False):
            if id(parameter) in seen:
                self.aliases.append((seen[id(parameter)], name))
                continue
            seen[id(parameter)] = name
            self.tensors[name] = parameter
        self.parameters = tuple(self.tensors)
        for name, buffer in module.named_buffers():
            if id(buffer) not in seen:
                seen[id(buffer)] = name
                self.tensors[name] = buffer
        before = len(self.tensors)
        for name, tensor in _hidden(module, "", 0, set()):
            if id(tensor) not in seen:
                seen[id(tensor)] = name
                self.tensors[name] = tensor
        self.attributes = tuple(self.tensors)[before:]
        self._values = {name: tensor.detach().clone() for name, tensor in self.tensors.items()}
        self._dicts = [(owner, _copied(vars(owner))) for owner in _owners(module)]

    def floating(self) -> dict[str, Tensor]:
        """The tensors that can be weights."""
        return {name: tensor for name, tensor in self.tensors.items() if tensor.is_floating_point()}

    def values(self) -> dict[str, Tensor]:
        """What every tensor holds, before a call."""
        return dict(self._values)

    def put(self, values: Mapping[str, Tensor]) -> None:
        """Let the named tensors hold these values from now on."""
        for name, value in values.items():
            self._values[name] = value.detach().reshape(self.tensors[name].shape).to(self._values[name]).clone()

    @torch.no_grad()
    def restore(self) -> None:
        """Forget whatever calls have changed: attributes, buffers, values, gradients."""
        for owner, kept in self._dicts:
            now = vars(owner)
            for key in [key for key in now if key not in kept]:
                del now[key]
            now.update(_copied(kept))
        for name, tensor in self.tensors.items():
            tensor.data.copy_(self._values[name])
            if tensor.is_leaf:
                tensor.grad = None


def _copied(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Containers one level deep; what they hold stays the same object."""
    return {key: value.copy() if type(value) in (dict, list, set) else value for key, value in attributes.items()}


def _owners(module: nn.Module) -> Iterator[Any]:
    """The module, its children and plain objects of the user's that they keep, but for compiled ones."""
    seen: set[int] = set()
    waiting: list[tuple[Any, int]] = [(child, 0) for child in module.modules()]
    while waiting:
        owner, depth = waiting.pop(0)
        if id(owner) in seen or isinstance(owner, torch.jit.ScriptModule):
            continue
        seen.add(id(owner))
        yield owner
        for value in list(vars(owner).values()):
            for held in value if isinstance(value, (list, tuple)) else [value]:
                if _is_plain(held) and depth < _DEEPEST:
                    waiting.append((held, depth + 1))


def _is_plain(value: Any) -> bool:
    if isinstance(value, nn.Module):
        return True
    foreign = type(value).__module__.partition(".")[0] in ("builtins", "torch", "numpy", "collections", "typing")
    return not foreign and hasattr(value, "__dict__") and not isinstance(value, type) and not callable(value)


def _hidden(value: Any, name: str, depth: int, seen: set[int]) -> Iterator[tuple[str, Tensor]]:
    """Tensors in attributes, in lists and dicts in them, and in plain objects in them."""
    if isinstance(value, Tensor):
        yield name, value
        return
    if depth > _DEEPEST or id(value) in seen:
        return
    seen.add(id(value))
    inside: Iterator[tuple[Any, Any]]
    if isinstance(value, torch.jit.ScriptModule):
        return
    if isinstance(value, dict):
        inside = iter(value.items())
    elif isinstance(value, (list, tuple)):
        inside = iter(enumerate(value))
    elif _is_plain(value):
        inside = iter(vars(value).items())
    else:
        return
    for key, held in list(inside):
        if key in ("_parameters", "_buffers", "_modules") and isinstance(value, nn.Module):
            yield from _hidden(held, name, depth, seen)
        else:
            yield from _hidden(held, f"{name}.{key}" if name else str(key), depth + 1, seen)
