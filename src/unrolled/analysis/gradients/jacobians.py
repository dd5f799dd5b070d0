"""How one step stretches the state: ∂s_t/∂s_{t-1}, its singular values, and the growth rate of their product.

The state s is all its fields side by side, [h; c] for an LSTM, S numbers. For a vanilla RNN

    ∂h_t/∂h_{t-1} = diag(1 - h_t²) W_hh

so that no single step can stretch a gradient by more than σ_max(W_hh) max(1 - h_t²). Over many steps the Lyapunov
exponents λ_1 ≥ … ≥ λ_S of the product J_T ⋯ J_1 say what is left, in nats a step: a disturbance of the state grows as
e^{λ_1 t}, and so does the gradient on its way back. λ_1 < 0: it vanishes; λ_1 > 0: it explodes. Their sum is the mean
of ln|det J_t|, exactly. They come from QR (Benettin et al. 1980): J_t Q_{t-1} = Q_t R_t, λ_i = mean ln|R_t,ii|.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from unrolled.errors import InputError
from unrolled.nn import RecurrentLayer

__all__ = ["LyapunovExponents", "StateJacobians", "lyapunov_exponents", "state_jacobians"]

_ELEMENTS = 1 << 22
"""Numbers in one batch of Jacobians, which bounds the memory and not the result."""


@dataclass(frozen=True, eq=False)
class StateJacobians:
    """The Jacobians of one layer along one batch of sequences, in order of time.

    Attributes:
        steps: which steps they are of, from 0.
        fields: of the state, in the order of rows and columns, H of each.
        matrices: [n,B,S,S]: entry [i,j] is ∂s_t,i / ∂s_{t-1},j (in reverse: of the step that ran before).
        singular_values: [n,B,S], descending.
    """

    steps: tuple[int, ...]
    fields: tuple[str, ...]
    matrices: Tensor
    singular_values: Tensor


@dataclass(frozen=True)
class LyapunovExponents:
    """Growth rates of the product of a layer's Jacobians.

    Attributes:
        exponents: in nats a step, mean over the sequences; in the order of QR, descending but for noise. -inf: of a
            direction that is lost at some step, as far as float64 can tell.
        errors: standard error of each over the sequences; empty for one sequence. Of -inf 0 where every sequence
            loses the direction, else inf.
        steps: how many steps they were averaged over.
        sequences: B.
    """

    exponents: tuple[float, ...]
    errors: tuple[float, ...]
    steps: int
    sequences: int

    @property
    def largest(self) -> float:
        """λ_1."""
        return max(self.exponents)


def state_jacobians(
    layer: RecurrentLayer, x: Tensor, *, index: int = 0, direction: int = 0, steps: list[int] | None = None
) -> StateJacobians:
    """∂s_t/∂s_{t-1} of one layer in one direction, in float64.

    Args:
        layer: a layer of the house, or a user's cell in `Recurrent`.
        x: [T,B,I] whatever the layer's own order of axes is, or tokens [T,B] where it reads them.
        index: which layer, 0 at the input.
        direction: 0 forward, 1 in reverse.
        steps: which, from 0; all by default: T·B·S² numbers.

    Raises:
        InputError: no such layer, direction or step, or an input of the wrong shape.
    """
    path = _Path.of(layer, x, index, direction)
    chosen = list(range(path.T)) if steps is None else list(steps)
    wrong = [t for t in chosen if not 0 <= t < path.T]
    if wrong or not chosen:
        raise InputError(f"no step {wrong[0] if wrong else '(none given)'}: the sequence has steps 0…{path.T - 1}")
    matrices = torch.cat([path.jacobians(some) for some in path.batches(chosen)])
    return StateJacobians(tuple(chosen), path.fields, matrices, torch.linalg.svdvals(matrices))


def lyapunov_exponents(
    layer: RecurrentLayer,
    x: Tensor,
    *,
    index: int = 0,
    direction: int = 0,
    count: int | None = None,
    warm_up: int = 0,
) -> LyapunovExponents:
    """The leading growth rates of the product of one layer's Jacobians, in float64.

    Args:
        layer: as in `state_jacobians`.
        x: as in `state_jacobians`.
        index: which layer, 0 at the input.
        direction: 0 forward, 1 in reverse.
        count: how many exponents; all S by default.
        warm_up: steps at the start that turn Q and are not averaged over.

    Raises:
        InputError: as `state_jacobians`; a count that is not in 1..S; no step left after the warm-up.
    """
    path = _Path.of(layer, x, index, direction)
    S = path.S
    count = S if count is None else count
    if not 1 <= count <= S:
        raise InputError(f"count is {count}: the state has {S} numbers, so 1 to {S} exponents")
    if not 0 <= warm_up < path.T:
        raise InputError(f"warm_up is {warm_up}: from 0 to below the sequence's {path.T} steps")
    drawn = torch.randn(S, count, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    Q = torch.linalg.qr(drawn).Q.expand(path.B, S, count)
    order = list(reversed(range(path.T))) if direction else list(range(path.T))
    sums = torch.zeros(path.B, count, dtype=torch.float64)
    taken = 0
    for some in path.batches(order):
        for jacobian in path.jacobians(some):
            Q, R = torch.linalg.qr(jacobian @ Q)
            if taken >= warm_up:
                growth = R.diagonal(dim1=-2, dim2=-1).abs()
                is_lost = growth <= S * torch.finfo(growth.dtype).eps * torch.linalg.matrix_norm(jacobian)[:, None]
                sums += growth.masked_fill(is_lost, 0).log()
            taken += 1
    each = sums / (path.T - warm_up)
    errors = _standard_errors(each) if path.B > 1 else torch.empty(0)
    return LyapunovExponents(tuple(each.mean(0).tolist()), tuple(errors.tolist()), path.T - warm_up, path.B)


def _standard_errors(each: Tensor) -> Tensor:
    """Over the rows; of numbers that are all -inf 0, of some inf."""
    is_lost = each.isneginf()
    errors: Tensor = (each.std(0) / each.shape[0] ** 0.5).masked_fill(is_lost.any(0), torch.inf)
    return errors.masked_fill(is_lost.all(0), 0)


class _Path:
    """The states that one layer went through, and its equation in float64."""

    def __init__(self, layer: RecurrentLayer, x: Tensor, before: dict[str, Tensor], index: int, direction: int) -> None:
        self.fields = layer.state_names
        self.T, self.B, H = before[self.fields[0]].shape
        self.S = H * len(self.fields)
        self._x, self._before = x, before
        self._equation = layer.equation(index, direction)
        self._weights = {name: weight.detach() for name, weight in self._equation.weights.items()}

    @classmethod
    def of(cls, layer: RecurrentLayer, x: Tensor, index: int, direction: int) -> _Path:
        """Run the layers below and this one once, step by step, without a graph, in float64 and without dropout."""
        if not 0 <= index < layer.num_layers:
            raise InputError(f"no layer {index}: the model has {layer.num_layers}, from 0 at the input")
        if direction not in range(2 if layer.bidirectional else 1):
            raise InputError(f"no direction {direction}: 0 is forward, 1 the reverse of a bidirectional layer")
        if x.dim() == 2 and layer.reads_tokens and layer.input_size is not None:
            x = one_hot(x, layer.input_size)
        if x.dim() != 3 or 0 in x.shape[:2]:
            raise InputError(f"the input has shape {list(x.shape)}: [T, B, I] would do, with T ≥ 1 and B ≥ 1")
        layer = copy.deepcopy(layer).double().eval()
        given = x.double()
        with torch.no_grad():
            seen = layer.observe(given.transpose(0, 1) if layer.batch_first else given)
        below = given
        if index > 0:
            below = torch.cat([trace["hidden"] for trace in seen.layers[index - 1]], -1)
        trace = seen.layers[index][direction]
        before = {}
        for name in layer.state_names:
            after = trace[name]
            zero = torch.zeros_like(after[:1])
            before[name] = torch.cat([after[1:], zero] if direction else [zero, after[:-1]])
        return cls(layer, below, before, index, direction)

    def batches(self, steps: list[int]) -> Iterator[list[int]]:
        """The steps, some at a time."""
        size = max(1, _ELEMENTS // (self.B * self.S * self.S))
        return (steps[first : first + size] for first in range(0, len(steps), size))

    def jacobians(self, steps: list[int]) -> Tensor:
        """[n,B,S,S]: one run of the equation in which row i of S equal ones is asked for its output i only."""
        n, S = len(steps), self.S
        x = self._x[steps].flatten(0, 1).repeat_interleave(S, 0)
        with torch.enable_grad():
            fields = [
                self._before[name][steps].flatten(0, 1).repeat_interleave(S, 0).requires_grad_() for name in self.fields
            ]
            named = self._equation.step(x, self._equation.named_state(tuple(fields)), self._weights)
            out = torch.cat([named[name] for name in self.fields], 1).view(n * self.B, S, S)
            asked = out.diagonal(dim1=1, dim2=2).sum()
        if not asked.requires_grad:  # the step detaches the state that it is given
            return torch.zeros(n, self.B, S, S, dtype=torch.float64)
        found = torch.autograd.grad(asked, fields, allow_unused=True, materialize_grads=True)
        return torch.cat(found, 1).view(n, self.B, S, S)
