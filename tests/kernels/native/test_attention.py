"""The fused attention kernel against the formula in torch, on every variant that runs here."""

from __future__ import annotations

import pytest
import torch

from unrolled.kernels import attention as door
from unrolled.kernels import native
from unrolled.kernels.attention import Attention, attend, attention
from unrolled.kernels.attention_dropout import kept
from unrolled.kernels.native import attention as fused
from unrolled.kernels.native.loader import variants
from unrolled.kernels.sparse import Pattern

SHAPES = [  # B, N, E, K, C: heads and channels below, at, above and beside whole vectors; hubs; nothing at all
    (1, 30, 200, 8, 8),
    (2, 30, 200, 1, 7),
    (1, 9, 40, 3, 5),
    (1, 9, 60, 2, 16),
    (1, 9, 60, 5, 1),
    (3, 7, 50, 1, 40),
    (1, 5, 0, 2, 4),
    (1, 1, 3, 1, 1),
    (1, 6, 2500, 4, 3),
    (1, 8, 900, 17, 2),
    (1, 6, 300, 20, 17),
    (1, 3000, 15000, 4, 4),
]


def problem(B, N, E, K, C, kind, edge, *, dropout=0.0, dtype=torch.float32, seed=0) -> Attention:
    """Random attention; ``kind``: additive, dynamic, or shared (r is h)."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator).to(dtype).requires_grad_()

    rows = (torch.rand(E, generator=generator).pow(2) * N).long()
    pattern = Pattern.from_edges(rows, torch.randint(N, (E,), generator=generator), N, N)
    h = draw(B, N, K, C)
    additive = kind == "additive"
    r = None if additive else h if kind == "shared" else draw(B, N, K, C)
    edges = draw(E, K, *([] if additive else [C])) if edge else None
    return Attention(pattern, h, r, draw(*([2] if additive else []), K, C), edges, 0.2, dropout, 2**40 + 77)


def leaves(given: Attention) -> list[torch.Tensor]:
    made = {id(t): t for t in (given.h, given.r, given.att, given.edge) if t is not None}
    return list(made.values())


def in_double(given: Attention) -> Attention:
    """The same numbers in float64, as leaves."""
    made: dict[int, torch.Tensor] = {}

    def twin(t):
        if t is None:
            return None
        return made.setdefault(id(t), t.detach().double().requires_grad_())

    return given._replace(h=twin(given.h), r=twin(given.r), att=twin(given.att), edge=twin(given.edge))


@pytest.fixture(params=["best", *(pytest.param(name, marks=pytest.mark.conformance) for name in ("v3", "v2"))])
def fused_by(request, monkeypatch):
    """Attention on the variant under test, and a check that it is the kernel that ran."""
    if request.param != "best" and request.param not in variants():
        pytest.skip(f"the variant {request.param} is not built or does not run here")
    library = native.loaded("" if request.param == "best" else f"native-{request.param}")
    if library is None:
        pytest.skip("no native kernels")
    calls = []

    def forward(found, call):
        calls.append(call)
        return original(library, call)

    original = fused.forward
    monkeypatch.setattr(door.fused, "forward", forward)
    monkeypatch.setattr(door.native, "loaded", lambda asked: library)
    monkeypatch.delenv("UNROLLED_KERNELS", raising=False)
    return calls


def close(found: torch.Tensor, expected: torch.Tensor, tolerance: float) -> None:
    """Relative to the largest; numbers that cancel to nothing are made of terms of about 1."""
    scale = float(expected.detach().abs().max()) if expected.numel() else 0.0
    torch.testing.assert_close(found.double(), expected, rtol=0, atol=tolerance * max(scale, 1.0))


def rounding(given: Attention) -> float:
    """What float32 may lose: a few roundings, and some for each entry of the fullest row that is summed."""
    fullest = max(int(each.pointer.diff().max()) for each in (given.pattern, given.pattern.transposed))
    return 6e-8 * (30 + fullest / 4)


@pytest.mark.parametrize(("edge", "dropout"), [(False, 0.4), (True, 0.0)])
@pytest.mark.parametrize("kind", ["additive", "dynamic", "shared"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_value_and_gradients_equal_the_formula(fused_by, shape, kind, edge, dropout):
    given = problem(*shape, kind, edge, dropout=dropout)
    exact = in_double(given)
    y, expected = attention(given), attend(exact)[0]
    assert len(fused_by) == 1
    close(y, expected, rounding(given))
    cotangent = torch.randn_like(y)
    found = torch.autograd.grad(y, leaves(given), cotangent)
    wanted = torch.autograd.grad(expected, leaves(exact), cotangent.double())
    for a, b in zip(found, wanted, strict=True):
        close(a, b, 2 * rounding(given))


@pytest.mark.parametrize("kind", ["additive", "dynamic"])
@pytest.mark.parametrize("shape", [SHAPES[0], SHAPES[2], SHAPES[8]], ids=str)
def test_bfloat16_is_rounded_once(fused_by, shape, kind):
    given = problem(*shape, kind, True, dtype=torch.bfloat16)
    exact = in_double(given)
    y, expected = attention(given), attend(exact)[0]
    assert y.dtype == torch.bfloat16
    assert len(fused_by) == 1
    close(y, expected, 5e-3)
    cotangent = torch.randn_like(y)
    found = torch.autograd.grad(y, leaves(given), cotangent)
    wanted = torch.autograd.grad(expected, leaves(exact), cotangent.double())
    for a, b in zip(found, wanted, strict=True):
        assert a.dtype == torch.bfloat16
        close(a, b, 2e-2)


@pytest.mark.parametrize("kind", ["additive", "dynamic"])
def test_any_number_of_threads_gives_the_same_bits(fused_by, kind):
    given = problem(2, 3000, 15000, 4, 4, kind, True, dropout=0.3)
    runs = []
    for threads in (1, 2, 5):
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            y = attention(given)
            runs.append([y.detach(), *torch.autograd.grad(y.square().sum(), leaves(given))])
        finally:
            torch.set_num_threads(before)
    for other in runs[1:]:
        for a, b in zip(runs[0], other, strict=True):
            assert torch.equal(a, b)


@pytest.mark.parametrize("kind", ["additive", "dynamic", "shared"])
def test_a_second_derivative_is_the_formulas(fused_by, kind):
    given = problem(1, 9, 40, 2, 3, kind, True, dropout=0.3)
    exact = in_double(given)

    def second(made: Attention, compute) -> tuple[torch.Tensor, ...]:
        first = torch.autograd.grad(compute(made).pow(3).sum(), leaves(made), create_graph=True)
        return torch.autograd.grad(sum(g.square().sum() for g in first), leaves(made))

    for a, b in zip(second(given, attention), second(exact, lambda made: attend(made)[0]), strict=True):
        close(a, b, 1e-4)


def test_scores_of_any_size_are_safe(fused_by):
    given = problem(1, 12, 80, 2, 4, "additive", False)
    great = given._replace(h=(given.h.detach() * 1e4).requires_grad_())
    close(attention(great), attend(in_double(great))[0], 1e-5)
    broken = given.h.detach().clone()
    broken[0, 3] = torch.nan
    y = attention(given._replace(h=broken))
    heard = torch.zeros(12, dtype=torch.bool)
    pattern = given.pattern
    heard[pattern.row[(pattern.index == 3) | (pattern.row == 3)].long()] = True
    assert torch.equal(y.isnan().any(-1).any(-1)[0], heard)


def test_features_that_are_views_are_read_as_what_they_are(fused_by):
    given = problem(2, 9, 40, 2, 8, "dynamic", True)
    turned = given._replace(h=given.h.detach().transpose(0, 1).contiguous().transpose(0, 1))
    torch.testing.assert_close(attention(turned), attention(given))


def test_what_is_dropped_is_the_share_asked_and_follows_the_seed():
    like = torch.empty(0)
    stays = kept(20_000, 8, 0.3, 5, like)
    assert sorted(stays.unique().tolist()) == pytest.approx([0.0, 1 / 0.7])
    for axis in (0, 1):
        shares = (stays == 0).double().mean(axis)
        assert float(shares.mean()) == pytest.approx(0.3, abs=0.004)
    assert ((stays == 0).double().mean(0) - 0.3).abs().max() < 0.015
    assert torch.equal(stays, kept(20_000, 8, 0.3, 5, like))
    agree = (stays == kept(20_000, 8, 0.3, 6, like)).double().mean()
    assert float(agree) == pytest.approx(0.3**2 + 0.7**2, abs=0.01)
    correlation = torch.corrcoef((stays[:, :2].T == 0).double())[0, 1]
    assert abs(float(correlation)) < 0.03
    assert not kept(10, 2, 1.0, 5, like).any()


def test_what_the_kernel_does_not_take_goes_to_torch(monkeypatch):
    given = problem(1, 9, 40, 2, 3, "additive", False)
    assert fused.takes(fused.AttentionCall(*given))
    assert not fused.takes(fused.AttentionCall(*in_double(given)))
    assert not fused.takes(fused.AttentionCall(*given._replace(h=given.h[:, :0])))
    expected = attend(given)[0]
    monkeypatch.setenv("UNROLLED_KERNELS", "torch")
    monkeypatch.setattr(native, "loaded", lambda asked: pytest.fail("torch was asked for"))
    assert torch.equal(attention(given), expected)
