"""bfloat16 on a processor that multiplies none: float32's kernels between one rounding in and one out, to the bit."""

from __future__ import annotations

import copy
import functools
from typing import Any

import pytest
import torch
from torch import Tensor

from unrolled import nn
from unrolled.kernels.native import describe
from unrolled.kernels.native.library import Library

LAYERS = {
    **{layer.__name__: layer for layer in (nn.RNN, nn.GRU, nn.LSTM, nn.PeepholeLSTM, nn.FullPeepholeLSTM)},
    "GRU that resets before": functools.partial(nn.GRU, reset_before=True),
}
T, B, I, H = 6, 5, 7, 21


@pytest.fixture
def asked(library: Library, monkeypatch: pytest.MonkeyPatch) -> str:
    """Every variant for float32 in turn, asked for."""
    name = f"native-{library.file.stem.rpartition('-')[2]}"
    monkeypatch.setenv("UNROLLED_KERNELS", name)
    return name


def rounded(t: Tensor) -> Tensor:
    """What bfloat16 can hold of t."""
    return t.detach().bfloat16().float()


@pytest.mark.parametrize("kind", LAYERS.values(), ids=LAYERS)
@pytest.mark.parametrize("start", [True, False])
def test_autocast_is_float32_between_two_roundings(asked: str, kind: Any, start: bool) -> None:
    draw = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    layer = kind(I, H)
    wide = copy.deepcopy(layer)
    with torch.no_grad():
        for w in wide.parameters():
            w.copy_(rounded(w))
    x = torch.randn(T, B, I, generator=draw)
    fields = 1 if isinstance(layer(x)[1], Tensor) else 2
    states = [torch.randn(1, B, H, generator=draw) for _ in range(fields)]
    lengths = torch.tensor([6, 0, 3, 1, 5])
    cotangents = [rounded(torch.randn(T, B, H, generator=draw)), *(rounded(torch.randn_like(s)) for s in states)]

    def run(module: Any, leaves: list[Tensor]) -> tuple[list[Tensor], list[Tensor], Any]:
        x, *initial = leaves
        state = None if not start else initial[0] if len(initial) == 1 else tuple(initial)
        output, final = module(x, state, lengths=lengths)
        results = [output, *((final,) if isinstance(final, Tensor) else final)]
        wanted = [x, *(initial if start else ()), *module.parameters()]
        cotangent = [g.to(r.dtype) for g, r in zip(cotangents, results, strict=True)]
        return results, list(torch.autograd.grad(results, wanted, cotangent)), module.observe(x, state, lengths=lengths)

    want, want_grads, want_seen = run(wide, [rounded(t).requires_grad_() for t in (x, *states)])
    with torch.autocast("cpu", torch.bfloat16):
        got, grads, seen = run(layer, [t.clone().requires_grad_() for t in (x, *states)])
    for mine, other in zip(got, want, strict=True):
        assert mine.dtype == torch.bfloat16 and torch.equal(mine, other.bfloat16())
    for mine, other in zip(grads, want_grads, strict=True):
        assert mine.dtype == torch.float32 and torch.equal(mine, rounded(other))
    for mine, other in zip(seen.layers[0], want_seen.layers[0], strict=True):
        assert mine.keys() == other.keys()
        assert all(torch.equal(mine[name], other[name].bfloat16()) for name in mine)

    own = kind(I, H).bfloat16()
    own.load_state_dict(layer.state_dict())
    own_results, own_grads, _ = run(own, [t.bfloat16().requires_grad_() for t in (x, *states)])
    assert all(torch.equal(mine, other) for mine, other in zip(own_results, got, strict=True))
    assert all(torch.equal(mine.float(), other) for mine, other in zip(own_grads, grads, strict=True))


def test_tokens_are_not_numbers_to_round(asked: str) -> None:
    torch.manual_seed(0)
    layer = nn.LSTM(300, H)  # a token above 256 is none that bfloat16 can hold
    tokens = torch.tensor([[299, 257], [258, 1]])
    with torch.autocast("cpu", torch.bfloat16):
        got, _ = layer(tokens)
        want, _ = layer(torch.nn.functional.one_hot(tokens, 300).float())
    assert torch.equal(got, want)


def test_it_is_said_which_library_serves(library: Library) -> None:
    assert "widened, in bfloat16" in describe(f"native-{library.file.stem.rpartition('-')[2]}")
