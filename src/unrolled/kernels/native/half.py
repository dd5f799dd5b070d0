"""The library for bfloat16: for odd sizes too, and as an `Implementation`.

Its products read pairs of numbers, so it wants I and H even. An odd one gets a unit more whose weights are zeros: no
other unit reads it, and it is cut off again.
"""

from __future__ import annotations

import functools

from torch import Tensor
from torch.nn.functional import pad

from unrolled.kernels.implementation import Gradients, Implementation, Inputs, Result
from unrolled.kernels.native import library as native
from unrolled.kernels.native.library import OBSERVED, Call, Forward, Library

__all__ = ["backward", "forward", "implementation"]

_State = tuple[Tensor | None, ...]


def forward(library: Library, call: Call, *, keep: bool, observe: bool = False) -> Forward:
    """As `Library.forward`, for any I and H."""
    done, H = library.forward(_even(call), keep=keep, observe=observe), _hidden(call)
    state, observed = (tuple(_cut(t, H) for t in tensors) for tensors in (done.state, done.observed))
    return Forward(_cut(done.output, H), state, done.saved, observed)


def backward(
    library: Library,
    call: Call,
    output: Tensor,
    saved: Tensor,
    grad_output: Tensor | None,
    grad_state: _State,
    *,
    want_x: bool,
    want_state: bool = True,
) -> native.Gradients:
    """As `Library.backward`, for any I and H."""
    H, final = _hidden(call), tuple(None if g is None else _filled(g) for g in grad_state)
    above = None if grad_output is None else _filled(grad_output)
    done = library.backward(_even(call), _filled(output), saved, above, final, want_x=want_x, want_state=want_state)
    x = None if done.x is None else _cut(done.x, call.x.shape[2])
    weights = (
        None if grad is None or given is None else _cut_blocks(grad, given, H)
        for grad, given in zip(done.weights, call.weights, strict=True)
    )
    return native.Gradients(x, tuple(None if g is None else _cut(g, H) for g in done.state), tuple(weights))


@functools.cache
def implementation(name: str, library: Library) -> Implementation:
    """Cell `name` in bfloat16: sequences and h as they come, weights and memories in float32, as all sums are."""

    def call(inputs: Inputs) -> Call:
        hidden, *memory = inputs.state
        state = (hidden, *(None if c is None else c.float() for c in memory))
        weights = tuple(None if w is None else w.float() for w in inputs.weights)
        return Call(name, inputs.x, state, weights, inputs.lengths, inputs.reverse)

    def run(inputs: Inputs, *, look: bool) -> tuple[Result, tuple[Tensor, ...]]:
        done = forward(library, call(inputs), keep=inputs.train, observe=look)
        saved = () if done.saved is None else (done.output.detach(), done.saved)
        state, seen = (tuple(t.to(library.dtype) for t in tensors) for tensors in (done.state, done.observed))
        return Result(done.output, state, saved), seen

    def back(
        inputs: Inputs, saved: tuple[Tensor, ...], grad_output: Tensor | None, grad_state: _State, want_x: bool
    ) -> Gradients:
        output, kept = saved
        want_state = any(s is not None for s in inputs.state)
        done = backward(
            library, call(inputs), output, kept, grad_output, grad_state, want_x=want_x, want_state=want_state
        )
        state, weights = (
            tuple(None if g is None else g.to(library.dtype) for g in grads) for grads in (done.state, done.weights)
        )
        return Gradients(done.x, state, weights)

    return Implementation(
        f"native {library.file.stem.rpartition('-')[2]}",
        lambda inputs: run(inputs, look=False)[0],
        back,
        functools.partial(run, look=True),
        OBSERVED[name],
        reads_tokens=True,
    )


def _hidden(call: Call) -> int:
    assert call.weights[1] is not None
    return call.weights[1].shape[1]


def _even(call: Call) -> Call:
    """The same with I (but for tokens) and H even."""
    H, more = _hidden(call), call.x.shape[2] % 2 if call.x.dim() == 3 else 0
    if not H % 2 and not more:
        return call
    widths = (more, H % 2, 0, 0, 0)
    weights = tuple(
        None if w is None else _filled_blocks(w, H, width) for w, width in zip(call.weights, widths, strict=True)
    )
    state = tuple(None if s is None else _filled(s) for s in call.state)
    return call._replace(x=_filled(call.x) if more else call.x, state=state, weights=weights)


def _filled(tensor: Tensor) -> Tensor:
    """[...,H] with a zero behind an odd H."""
    return pad(tensor, (0, 1)) if tensor.shape[-1] % 2 else tensor


def _cut(tensor: Tensor, size: int) -> Tensor:
    """Back to [...,size]."""
    return tensor if tensor.shape[-1] == size else tensor[..., :size].contiguous()


def _filled_blocks(weight: Tensor, H: int, columns: int) -> Tensor:
    """[G·H] or [G·H,n] with a row of zeros behind each block of an odd H, and `columns` of them behind the last."""
    blocks = weight.reshape(-1, H, *weight.shape[1:])
    return pad(blocks, (0, H % 2) if weight.dim() == 1 else (0, columns, 0, H % 2)).flatten(0, 1)


def _cut_blocks(grad: Tensor, weight: Tensor, H: int) -> Tensor:
    """Back to the shape of `weight`."""
    if grad.shape == weight.shape:
        return grad
    blocks = grad.view(-1, H + H % 2, *grad.shape[1:])[:, :H]
    return (blocks if weight.dim() == 1 else blocks[..., : weight.shape[1]]).flatten(0, 1)
