"""The two gradients of a vanilla RNN in closed form, beside autograd and beside the forms that the two
reports print.

The network of the reports, with the loss L_T at the last step only::

    h_t = tanh(W_hx x_t + W_hh h_{t-1} + b_h),   h_0 = 0
    p_T = W_ph h_T + b_p,   ŷ = softmax(p_T),   L_T = -Σ_i y_i ln ŷ_i

What is right::

    ∂L_T/∂W_ph = (ŷ - y) h_Tᵀ
    ∂L_T/∂W_hh = Σ_{k=1..T} diag(1 - h_k²) δ_k h_{k-1}ᵀ
    δ_T = W_phᵀ (ŷ - y),   δ_{k-1} = W_hhᵀ diag(1 - h_k²) δ_k

What the reports have in their place, one error at a time, everything else as it should be:

* A multiplies ∂L/∂p_T out to y_1 Σ_i ŷ_i. With Σ_i ŷ_i = 1 that is the number y_1 at every class.
* A keeps of the sum over k only the path to h_0, and factors (W_hh)^{T-1} out of the product. With h_0 = 0
  the result is zero for every weight and every input.
* Factoring out alone, the sum put back: diag(1 - h_k²) and W_hh do not commute.
* B drops the Kronecker delta of ∂ŷ_i/∂p_j = ŷ_i (δ_ij - ŷ_j), which leaves ŷ where ŷ - y belongs.
* B has 1 - h where 1 - h² belongs.

Source: the reports' section on gradients through time.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, one_hot

from unrolled.errors import InputError
from unrolled.nn import RNN, SequenceClassifier

__all__ = ["ClosedForms", "Form", "closed_forms"]


@dataclass(frozen=True, eq=False)
class Form:
    """One formula for one gradient, evaluated.

    Attributes:
        source: who states it: "closed form", "report A" or "report B".
        weight: the weight it is the gradient of, "W_ph" or "W_hh".
        formula: the formula in Unicode.
        error: what is wrong with it, in a few words; empty for the right one.
        value: what it gives, of the weight's shape.
        relative_error: ‖value - autograd‖ / ‖autograd‖ in the Frobenius norm; 1 for a form that is zero.
    """

    source: Literal["closed form", "report A", "report B"]
    weight: Literal["W_ph", "W_hh"]
    formula: str
    error: str
    value: Tensor
    relative_error: float


@dataclass(frozen=True, eq=False)
class ClosedForms:
    """Every form on the same network and the same sequences, in float64.

    Attributes:
        forms: the right ones first.
        autograd: torch's gradient by weight, "W_ph" and "W_hh", through the layer as it is trained.
        steps: T.
        batch: B; all gradients are sums over the batch.
    """

    forms: tuple[Form, ...]
    autograd: dict[str, Tensor]
    steps: int
    batch: int


def closed_forms(model: SequenceClassifier, inputs: Tensor, targets: Tensor) -> ClosedForms:
    """Evaluate every form on a model and a batch, in float64 and on a copy of the model.

    Args:
        model: a classifier with one layer of tanh RNN, one direction.
        inputs: symbols, int64 [T,B], T ≥ 2.
        targets: classes, int64 [B].

    Raises:
        InputError: another layer than the formulas are about, or sequences of one step.
    """
    layer = model.layer
    if not (
        isinstance(layer, RNN) and layer.nonlinearity == "tanh" and layer.num_layers == 1 and not layer.bidirectional
    ):
        raise InputError(
            f"the closed forms are about one layer of tanh RNN in one direction; got {layer!r}: "
            "give cell rnn, layers 1, nonlinearity tanh"
        )
    if len(inputs) < 2:
        raise InputError(f"the sequences have {len(inputs)} steps: from h_0 = 0 it takes 2 for W_hh to have a gradient")
    model = copy.deepcopy(model).double().eval()
    weights = dict(model.named_parameters())
    W_hh, W_ph = weights["layer.weight_hh_l0"], weights["output.weight"]
    loss = cross_entropy(model(inputs), targets, reduction="sum")
    d_hh, d_ph = torch.autograd.grad(loss, [W_hh, W_ph])
    autograd = {"W_ph": d_ph, "W_hh": d_hh}

    with torch.no_grad():
        h = _states(model, inputs)
        y = one_hot(targets, W_ph.shape[0]).double()
        y_hat = torch.softmax(h[-1] @ W_ph.T + weights["output.bias"], dim=1)
        delta = (y_hat - y) @ W_ph
        without_delta = torch.einsum("bi,bij->bj", -y / y_hat, -y_hat[:, :, None] * y_hat[:, None, :])
        as_product = (y[:, :1] * y_hat.sum(1, keepdim=True)).expand_as(y_hat)
        right_slope, wrong_slope = 1 - h**2, 1 - h

        def form(
            source: Literal["closed form", "report A", "report B"],
            weight: Literal["W_ph", "W_hh"],
            formula: str,
            error: str,
            value: Tensor,
        ) -> Form:
            relative = (value - autograd[weight]).norm() / autograd[weight].norm()
            return Form(source, weight, formula, error, value, relative.item())

        forms = (
            form("closed form", "W_ph", "(ŷ - y) h_Tᵀ", "", (y_hat - y).T @ h[-1]),
            form(
                "closed form",
                "W_hh",
                "Σ_k diag(1 - h_k²) δ_k h_{k-1}ᵀ",
                "",
                _sum_over_paths(h, right_slope, W_hh, delta),
            ),
            form(
                "report A",
                "W_ph",
                "y_1 Σ_i ŷ_i h_Tᵀ",
                "y_1 Σ_i ŷ_i where ŷ - y belongs",
                as_product.T @ h[-1],
            ),
            form(
                "report A",
                "W_hh",
                "(W_hhᵀ)^{T-1} Π_k diag(1 - h_k²) δ_T h_0ᵀ",
                "only the path to h_0 = 0: zero whatever the weights",
                _factored_path(h, right_slope, W_hh, delta, 1),
            ),
            form(
                "report A",
                "W_hh",
                "Σ_k (W_hhᵀ)^{T-k} Π_{j≥k} diag(1 - h_j²) δ_T h_{k-1}ᵀ",
                "the sum put back, W_hh factored out: it does not commute with diag(1 - h²)",
                sum(
                    (_factored_path(h, right_slope, W_hh, delta, k) for k in range(1, len(h))),
                    torch.zeros_like(W_hh),
                ),
            ),
            form(
                "report B",
                "W_ph",
                "ŷ h_Tᵀ",
                "the softmax without its Kronecker delta",
                without_delta.T @ h[-1],
            ),
            form(
                "report B",
                "W_hh",
                "Σ_k diag(1 - h_k) δ_k h_{k-1}ᵀ",
                "1 - h where 1 - h² belongs",
                _sum_over_paths(h, wrong_slope, W_hh, delta),
            ),
        )
    return ClosedForms(forms, autograd, steps=inputs.shape[0], batch=inputs.shape[1])


def _states(model: SequenceClassifier, inputs: Tensor) -> Tensor:
    """h_0 … h_T, [T+1,B,H], from the equation alone."""
    weights = dict(model.layer.named_parameters())
    W_hx, W_hh = weights["weight_ih_l0"], weights["weight_hh_l0"]
    b_h = weights["bias_ih_l0"] + weights["bias_hh_l0"] if "bias_ih_l0" in weights else 0
    h = [W_hh.new_zeros(inputs.shape[1], W_hh.shape[0])]
    for x in model.coding(inputs):
        h.append(torch.tanh(x @ W_hx.T + h[-1] @ W_hh.T + b_h))
    return torch.stack(h)


def _sum_over_paths(h: Tensor, slope: Tensor, W_hh: Tensor, delta: Tensor) -> Tensor:
    """Σ_k diag(slope_k) δ_k h_{k-1}ᵀ with δ_{k-1} = W_hhᵀ diag(slope_k) δ_k, summed over the batch."""
    total = torch.zeros_like(W_hh)
    for k in reversed(range(1, len(h))):
        total += (slope[k] * delta).T @ h[k - 1]
        delta = (slope[k] * delta) @ W_hh
    return total


def _factored_path(h: Tensor, slope: Tensor, W_hh: Tensor, delta: Tensor, k: int) -> Tensor:
    """(W_hhᵀ)^{T-k} Π_{j=k..T} diag(slope_j) δ_T h_{k-1}ᵀ, summed over the batch."""
    T = len(h) - 1
    power: Tensor = torch.linalg.matrix_power(W_hh, T - k)
    return ((slope[k:].prod(0) * delta) @ power).T @ h[k - 1]
