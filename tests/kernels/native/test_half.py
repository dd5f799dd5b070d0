"""The kernels for bfloat16 beside the reference equations in float64, and the tiles' data layout by emulation."""

from __future__ import annotations

import functools
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.kernels.native.trial import CELLS, InHalf, Trial, errors
from torch import Tensor

from unrolled import nn
from unrolled.kernels.native import build
from unrolled.kernels.native.library import Library
from unrolled.kernels.native.loader import NativeUnavailable, halves, load, load_half, variants

BOUND, BOUND_OF_GRU = 7e-3, 1e-2
"""One rounding to bfloat16 is 2⁻⁹ = 2e-3 of a value. A GRU's h is its own memory and is rounded at every step, where an
LSTM's c stays float32."""
OPTIONS = [
    {},
    {"lengths": True, "reverse": True},
    {"tokens": True, "I": 5, "lengths": True},
    {"bias": False, "initial": False, "final": False},
    LARGE := {"T": 3, "B": 37, "I": 70, "H": 128},
    {"T": 2, "B": 3, "I": 130, "H": 98, "threads": 1},
    LONG := {"T": 23, "B": 19, "I": 34, "H": 36},
    {"I": 3, "H": 21, "lengths": True},
    {"T": 1, "B": 1, "I": 1, "H": 1},
]


def _emulated(folder: Path) -> Library:
    """The variant with tiles, in plain C that the best processor level here runs."""
    level = next(iter(variants()), None)
    if level != "v4":
        pytest.skip("a tile's row is a vector of AVX-512, which does not run here")
    made = folder / "unrolled-emulated.so"
    try:
        compiler = build._compiler(build.host_target(), level)
    except build.BuildFailed as reason:
        pytest.skip(str(reason))
    defines = [*build.DEFINES["amx"], "-DUNROLLED_AMX_EMULATED"]
    command = [*compiler, *build.FLAGS, *defines, *build.sources("amx"), "-o", str(made)]
    subprocess.run(command, check=True, capture_output=True)
    return Library(made)


@pytest.fixture(scope="module", params=["bf16", "amx", pytest.param("emulated", marks=pytest.mark.conformance)])
def half(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """Every variant for bfloat16, and the emulation of the one that few processors run."""
    if request.param == "emulated":
        yield _emulated(tmp_path_factory.mktemp("emulated"))
    elif request.param not in halves():
        pytest.skip(f"the variant {request.param} is not built or does not run here")
    else:
        yield load_half(f"native-{request.param}")


@pytest.mark.parametrize(
    ("cell", "options"),
    # among 14 000 units some lie so near relu's kink that a rounding puts them on its other side
    [(cell, options) for cell in CELLS for options in OPTIONS if cell != "rnn-relu" or options not in (LARGE, LONG)],
    ids=str,
)
def test_near_the_equation(half: Library, cell: str, options: dict[str, Any]) -> None:
    trial = Trial(cell, **{"T": 5, "B": 7, "I": 4, "H": 22, "dtype": torch.bfloat16, **options})
    found = errors(InHalf(half), trial, floor=1.0)
    assert max(found.values()) < (BOUND_OF_GRU if cell == "gru" else BOUND), found


LAYERS = {
    **{layer.__name__: layer for layer in (nn.RNN, nn.GRU, nn.LSTM, nn.PeepholeLSTM, nn.FullPeepholeLSTM)},
    "GRU that resets before": functools.partial(nn.GRU, reset_before=True),
}


@pytest.mark.parametrize("kind", LAYERS.values(), ids=LAYERS)
@pytest.mark.parametrize("odd", [False, True])
def test_autocast_and_modules_of_bfloat16(half: Library, monkeypatch: pytest.MonkeyPatch, kind: Any, odd: bool) -> None:
    name = half.file.stem.rpartition("-")[2]
    if name == "emulated":
        pytest.skip("no layer takes it")
    monkeypatch.setenv("UNROLLED_KERNELS", f"native-{name}")
    asked = []
    forward = Library.forward
    monkeypatch.setattr(Library, "forward", lambda self, *a, **k: asked.append(self.dtype) or forward(self, *a, **k))
    torch.manual_seed(0)
    sizes = (7, 23) if odd else (8, 24)
    layer = kind(*sizes, num_layers=2, bidirectional=True)
    x = torch.randn(6, 5, layer.input_size, requires_grad=True)
    lengths = torch.tensor([6, 0, 3, 1, 5])
    leaves = [x, *layer.parameters()]

    def gradients(output: Tensor) -> list[Tensor]:
        return list(torch.autograd.grad(output.float().square().sum(), leaves))

    want, _ = layer(x, lengths=lengths)
    with torch.autocast("cpu", torch.bfloat16):
        asked.clear()
        got, _ = layer(x, lengths=lengths)
        seen = layer.observe(x, lengths=lengths)
    assert got.dtype == torch.bfloat16 and asked == [torch.bfloat16] * 8
    assert torch.equal(seen.output, got)
    for layers in zip(seen.layers, layer.observe(x, lengths=lengths).layers, strict=True):
        for mine, other in zip(*layers, strict=True):
            assert mine.keys() == other.keys()
            assert all((mine[name] - other[name]).abs().max() < 1e-2 for name in mine)
    for mine, other in zip([got, *gradients(got)], [want, *gradients(want)], strict=True):
        assert (mine - other).abs().max() < 3e-2 * other.abs().max()
    own = kind(*sizes, num_layers=2, bidirectional=True).bfloat16()
    own.load_state_dict(layer.state_dict())
    assert torch.equal(own(x.bfloat16(), lengths=lengths)[0], got)


def test_a_variant_of_float32_is_none_for_bfloat16() -> None:
    try:
        load()
    except NativeUnavailable as reason:
        pytest.skip(str(reason))
    with pytest.raises(NativeUnavailable, match="bfloat16"):
        load_half("native-v3")
