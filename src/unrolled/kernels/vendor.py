"""The kernels that torch ships for standard cells, behind our signature: oneDNN's (CPU), cuDNN's (CUDA)."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from unrolled.kernels.implementation import Gradients, Implementation, Inputs, Result
from unrolled.kernels.reference.cell import Cell, Weights

__all__ = ["ONEDNN_LSTM", "TORCH", "describe", "implementation"]


def implementation(cell: Cell, inputs: Inputs) -> Implementation | None:
    """Torch's own kernel for this cell and these inputs, where it is the faster one; None elsewhere.

    On the CPU that is oneDNN's LSTM in float32. Forward and backward in ms, torch's beside our eager loop
    (torch 2.13, one thread of an AVX-512 machine; H = B = 128 at T = 9 and T = 49; two layers H = 128 B =
    64 T = 30):

        LSTM float32   9.5 / 12.6    69 / 66    58 / 63    two threads: 7.8 / 13.5   61 / 69
        RNN float32    4.1 /  3.9    20 / 15    19 / 15

    torch's RNN, GRU and float64 LSTM on the CPU are loops of autograd nodes, and ours is as fast or faster.
    On CUDA a step of ours is a dozen launches, cuDNN's whole sequence is one. Ragged batches stay with us
    everywhere: torch takes them packed only.
    """
    if inputs.lengths is not None:
        return None
    if inputs.x.device.type == "cuda":
        return TORCH.get(cell.name)
    return ONEDNN_LSTM if cell.name == "lstm" and _onednn(inputs.x) else None


def describe() -> str:
    """What `implementation` offers on this machine, in words."""
    offers = ["cuDNN's RNN, GRU and LSTM"] if torch.cuda.is_available() else []
    offers += ["oneDNN's LSTM in float32"] if _has_onednn() else []
    return " and ".join(offers) or "no kernels of torch's own"


def _has_onednn() -> bool:
    return bool(torch._C._has_mkldnn) and bool(torch.backends.mkldnn.enabled)


def _onednn(x: Tensor) -> bool:
    return _has_onednn() and x.device.type == "cpu" and x.dtype == torch.float32 and x.numel() > 0


_LSTM_MODE = 2  # torch's number for an LSTM in oneDNN's operator


def _onednn_forward(inputs: Inputs) -> Result:
    H, biased = inputs.weights.W_hh.shape[1], inputs.weights.b_ih is not None
    arguments = (t.detach() for t in _onednn_arguments(inputs))
    with torch.set_grad_enabled(inputs.train):  # the operator fills its workspace only where gradients are on
        output, hidden, memory, workspace = torch.ops.aten.mkldnn_rnn_layer(
            *arguments, inputs.reverse, [], _LSTM_MODE, H, 1, biased, False, False, inputs.train
        )
    saved = (output.detach(), hidden.detach(), memory.detach(), workspace) if inputs.train else ()
    return Result(output, (hidden, memory), saved)


def _onednn_backward(
    inputs: Inputs,
    saved: tuple[Tensor, ...],
    grad_output: Tensor | None,
    grad_state: tuple[Tensor | None, ...],
    want_x: bool,
) -> Gradients:
    output, hidden, memory, workspace = saved
    H, biased = inputs.weights.W_hh.shape[1], inputs.weights.b_ih is not None
    x, W_ih, W_hh, b_ih, b_hh, h, c = torch.ops.aten.mkldnn_rnn_layer_backward(
        *_onednn_arguments(inputs),
        *(output, hidden, memory, grad_output, *grad_state),
        *(inputs.reverse, _LSTM_MODE, H, 1, biased, True, False, [], False, workspace),
    )
    biases = (b_ih, b_hh) if biased else (None, None)
    return Gradients(x if want_x else None, (h, c), (W_ih, W_hh, *biases, None))


def _onednn_arguments(inputs: Inputs) -> tuple[Tensor, ...]:
    W_ih, W_hh, b_ih, b_hh, _ = inputs.weights
    if b_ih is None or b_hh is None:
        b_ih = b_hh = W_ih.new_zeros(W_ih.shape[0])
    hidden, memory = inputs.state
    return inputs.x.contiguous(), W_ih, W_hh, b_ih, b_hh, hidden.contiguous(), memory.contiguous()


ONEDNN_LSTM = Implementation("oneDNN", _onednn_forward, _onednn_backward)


def _sequence(function: Callable[..., Any], inputs: Inputs) -> tuple[Tensor, ...]:
    """Run one of torch's sequence functions; in training mode where a backward pass may follow."""
    weights = [w for w in inputs.weights if w is not None]
    x = inputs.x.flip(0) if inputs.reverse else inputs.x
    state = [s.unsqueeze(0).contiguous() for s in inputs.state]
    hx = state if len(state) == 2 else state[0]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*not part of single contiguous chunk.*")
        output, *final = function(x, hx, weights, len(weights) == 4, 1, 0.0, inputs.train, False, False)
    return (output.flip(0) if inputs.reverse else output, *(field[0] for field in final))


def _torch(function: Callable[..., Any]) -> Implementation:
    """Torch's function with a graph of its own inside, which lives as long as the saved tensors do."""

    def forward(inputs: Inputs) -> Result:
        leaves = [None if t is None else t.detach() for t in (inputs.x, *inputs.state, *inputs.weights)]
        for leaf in leaves if inputs.train else ():
            if leaf is not None:
                leaf.requires_grad_()
        with torch.set_grad_enabled(inputs.train):
            outputs = _sequence(function, _renewed(inputs, leaves))
        saved = (*outputs, *(leaf for leaf in leaves if leaf is not None))
        output, *state = (o.detach() for o in outputs)
        return Result(output, tuple(s.clone() for s in state), saved if inputs.train else ())

    def backward(
        inputs: Inputs,
        saved: tuple[Tensor, ...],
        grad_output: Tensor | None,
        grad_state: tuple[Tensor | None, ...],
        want_x: bool,
    ) -> Gradients:
        number = 1 + len(inputs.state)
        reached = [(o, g) for o, g in zip(saved, (grad_output, *grad_state), strict=False) if g is not None]
        leaves = saved[number:] if want_x else saved[number + 1 :]
        found = torch.autograd.grad(
            [o for o, _ in reached], leaves, [g for _, g in reached], retain_graph=True, allow_unused=True
        )
        x, rest = (found[0], found[1:]) if want_x else (None, found)
        state, weights = rest[: number - 1], iter(rest[number - 1 :])
        given = (None if w is None else next(weights) for w in inputs.weights)
        return Gradients(x, tuple(state), tuple(given))

    return Implementation("torch", forward, backward)


def _renewed(inputs: Inputs, tensors: list[Any]) -> Inputs:
    states = len(inputs.state)
    return inputs._replace(x=tensors[0], state=tuple(tensors[1 : 1 + states]), weights=Weights(*tensors[1 + states :]))


TORCH: dict[str, Implementation] = {
    "rnn-tanh": _torch(torch._VF.rnn_tanh),
    "rnn-relu": _torch(torch._VF.rnn_relu),
    "gru": _torch(torch._VF.gru),
    "lstm": _torch(torch._VF.lstm),
}
