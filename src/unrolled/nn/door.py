"""The torch.nn-compatible door: inputs in any of torch's forms enter as [T,B,I], results leave alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from unrolled.errors import InputError, ShapeError
from unrolled.kernels import autocast, modes

__all__ = ["Entered", "Shape", "check_device", "checked_lengths", "enter", "leave", "leave_state"]

_INTEGERS = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)


class Shape(Protocol):
    """What the door has to know about a layer."""

    input_size: int | None
    hidden_size: int
    num_layers: int
    bidirectional: bool
    batch_first: bool
    reads_tokens: bool

    @property
    def state_names(self) -> tuple[str, ...]:
        """The fields of the state, hidden first."""

    @property
    def weight_dtype(self) -> torch.dtype | None:
        """The dtype that inputs must have, if any."""


@dataclass(frozen=True)
class Entered:
    """An input inside the house.

    Attributes:
        x: [T,B,I], or tokens [T,B] int64.
        state: one tensor [layers·directions, B, H] per name of the state, or None: zeros.
        lengths: [B] int64, or None where no row is padded.
        batched: False for one sequence without a batch axis.
        batch_first: whether the batch axis came first.
        packed: the PackedSequence that came in; x has its rows sorted by length.
    """

    x: Tensor
    state: tuple[Tensor, ...] | None
    lengths: Tensor | None
    batched: bool = True
    batch_first: bool = False
    packed: PackedSequence | None = None


def enter(layer: Shape, given: Any, hx: Any, lengths: Any) -> Entered:
    """Check an input, an initial state and lengths, and bring them into one form.

    Raises:
        InputError: something of the wrong kind, such as lengths beside a PackedSequence.
        ShapeError: a wrong shape, dtype or number.
    """
    if isinstance(given, PackedSequence):
        return _enter_packed(layer, given, hx, lengths)
    x, name = given, type(layer).__name__
    if not isinstance(x, Tensor):
        raise InputError(f"{name}: the input must be a tensor or a PackedSequence, not {type(x).__name__}")
    axes = "[B, T, I]" if layer.batch_first else "[T, B, I]"
    tokens = layer.reads_tokens and x.dtype == torch.int64 and x.dim() == 2
    if x.dim() not in (2, 3):
        raise ShapeError(f"{name}: the input must be {axes}, or unbatched [T, I], but has shape {list(x.shape)}")
    batched = x.dim() == 3 or tokens
    if not batched:
        x = x.unsqueeze(1)
    elif layer.batch_first:
        x = x.transpose(0, 1)
    (_check_tokens if tokens else _check_features)(layer, x)
    if x.shape[0] == 0:
        raise ShapeError(
            f"{name}: the sequence must have one step or more, but the input has shape {list(given.shape)}"
        )
    state = _state(layer, hx, x, batched)
    if lengths is not None:
        if not batched:
            raise InputError(f"{name}: lengths= is for a batch of sequences, but the input [T, I] is one sequence")
        lengths = checked_lengths(name, lengths, x)
    return Entered(x, state, lengths, batched, layer.batch_first)


def leave(entered: Entered, output: Tensor) -> Tensor | PackedSequence:
    """Give the output [T,B,·] the form that the input had."""
    if entered.packed is not None:
        assert entered.lengths is not None
        data = pack_padded_sequence(output, entered.lengths.cpu()).data
        return entered.packed._replace(data=data)
    if not entered.batched:
        return output.squeeze(1)
    return output.transpose(0, 1) if entered.batch_first else output


def leave_state(entered: Entered, state: Any) -> Any:
    """Give the final state the form of torch.nn: the bare tensor where there is but one."""
    if entered.packed is not None and entered.packed.unsorted_indices is not None:
        state = type(state)(*(field.index_select(1, entered.packed.unsorted_indices) for field in state))
    if not entered.batched:
        state = type(state)(*(field.squeeze(1) for field in state))
    return state[0] if len(state) == 1 else state


def _enter_packed(layer: Shape, packed: PackedSequence, hx: Any, lengths: Any) -> Entered:
    if lengths is not None:
        raise InputError(
            f"{type(layer).__name__}: a PackedSequence has its lengths; give lengths= with a padded tensor"
        )
    if packed.data.dim() != 2:
        raise ShapeError(
            f"{type(layer).__name__}: a PackedSequence's data must be [steps of all rows, I], but has shape "
            f"{list(packed.data.shape)}"
        )
    x, lengths = pad_packed_sequence(PackedSequence(packed.data, packed.batch_sizes))
    _check_features(layer, x)
    state = _state(layer, hx, x, batched=True)
    if state is not None and packed.sorted_indices is not None:
        state = tuple(field.index_select(1, packed.sorted_indices) for field in state)
    return replace(Entered(x, state, lengths.to(x.device)), packed=packed)


def _check_tokens(layer: Shape, tokens: Tensor) -> None:
    if layer.input_size is None or tokens.numel() == 0 or not _has_numbers():
        return
    least, most = (int(end) for end in tokens.aminmax())
    if least < 0 or most >= layer.input_size:
        raise ShapeError(
            f"{type(layer).__name__}: tokens must lie in 0..{layer.input_size - 1}, one for each "
            f"feature of the input, but run from {least} to {most}"
        )


def _check_features(layer: Shape, x: Tensor) -> None:
    name = type(layer).__name__
    if layer.input_size is not None and x.shape[-1] != layer.input_size:
        raise ShapeError(f"{name}: the input must have {layer.input_size} features, its last axis has {x.shape[-1]}")
    dtype = layer.weight_dtype
    if dtype is not None and x.dtype != dtype and not autocast.is_on(x.device):
        raise ShapeError(f"{name}: the input is {x.dtype} but the weights are {dtype}; use input.to({dtype})")


def _state(layer: Shape, hx: Any, x: Tensor, batched: bool) -> tuple[Tensor, ...] | None:
    B, names, owner = x.shape[1], layer.state_names, type(layer).__name__
    expected = [layer.num_layers * (2 if layer.bidirectional else 1), B, layer.hidden_size]
    if hx is None:
        return None
    fields = (hx,) if len(names) == 1 and isinstance(hx, Tensor) else hx
    if not isinstance(fields, Sequence) or len(fields) != len(names) or not all(isinstance(f, Tensor) for f in fields):
        wanted = "a tensor" if len(names) == 1 else f"a tuple of {len(names)} tensors ({', '.join(names)})"
        raise InputError(f"{owner}: the initial state must be {wanted}, not {_kind(hx)}")
    if not batched:
        expected = [expected[0], expected[2]]
    for field, name in zip(fields, names, strict=True):
        if list(field.shape) != expected:
            raise ShapeError(f"{owner}: the initial {name} must have shape {expected}, but has {list(field.shape)}")
        if field.dtype != (x.dtype if layer.weight_dtype is None else layer.weight_dtype) and not autocast.is_on(
            x.device
        ):
            raise ShapeError(f"{owner}: the initial {name} is {field.dtype} but the input is {x.dtype}")
        check_device(owner, x, f"the initial {name} is", field)
    return tuple(field if batched else field.unsqueeze(1) for field in fields)


def check_device(owner: str, x: Tensor, what: str, tensor: Tensor) -> None:
    """Stop where two tensors of a call lie on different devices: "the weights are", for one.

    Raises:
        InputError: they do.
    """
    if tensor.device != x.device:
        raise InputError(
            f"{owner}: the input is on {x.device}, but {what} on {tensor.device}; use .to({str(x.device)!r})"
        )


def _kind(hx: Any) -> str:
    if isinstance(hx, Sequence) and not isinstance(hx, str):
        return f"{type(hx).__name__} of {len(hx)}"
    return type(hx).__name__


def checked_lengths(owner: str, given: Any, x: Tensor) -> Tensor | None:
    """The lengths of the rows of x [T,B,…] as int64 [B], None where every row has all steps.

    Raises:
        InputError: no integers.
        ShapeError: not one in 0..T for each row.
    """
    try:  # a copy of what is no tensor: backward reads it again, and autograd guards tensors alone from a change
        lengths = given if isinstance(given, Tensor) else torch.tensor(given, device="cpu")
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"{owner}: lengths must be integers, one per row, not {given!r}") from error
    T, B = x.shape[:2]
    if lengths.dtype not in _INTEGERS and lengths.numel() > 0:
        raise ShapeError(f"{owner}: lengths must be integers, but are {lengths.dtype}")
    if list(lengths.shape) != [B]:
        raise ShapeError(f"{owner}: lengths must have one entry per row, shape [{B}], but has {list(lengths.shape)}")
    if not _has_numbers():
        return lengths.to(device=x.device, dtype=torch.int64)
    if B > 0 and (int(lengths.min()) < 0 or int(lengths.max()) > T):
        least, most = int(lengths.min()), int(lengths.max())
        raise ShapeError(f"{owner}: lengths must lie in 0..{T}, the input's steps, but run from {least} to {most}")
    if B > 0 and int(lengths.min()) == T:
        return None
    return lengths.to(device=x.device, dtype=torch.int64)


def _has_numbers() -> bool:
    """Whether tensors hold numbers: not while something records or transforms the call; there the kernels check."""
    return not modes.is_watched()
