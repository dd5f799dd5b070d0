from __future__ import annotations

import pytest
import torch

from unrolled.analysis.closed_forms import ClosedForms, Form, closed_forms
from unrolled.data import DecimalPalindromes
from unrolled.errors import InputError
from unrolled.nn import LSTM, RNN, SequenceClassifier


def network(hidden: int = 12, *, bias: bool = True, coding: str = "one-hot", rule: str = "torch") -> SequenceClassifier:
    layer = RNN(1 if coding == "scalar" else 10, hidden, bias=bias)
    model = SequenceClassifier(layer, symbols=10, classes=10, coding=coding)
    model.initialise(rule, generator=torch.Generator().manual_seed(1))
    return model


def evaluated(model: SequenceClassifier, *, length: int = 10, batch: int = 8) -> ClosedForms:
    drawn = DecimalPalindromes(length=length).sample(batch, torch.Generator().manual_seed(2))
    return closed_forms(model, drawn.inputs, drawn.targets)


def only(forms: ClosedForms, source: str, weight: str, word: str = "") -> Form:
    (found,) = [f for f in forms.forms if f.source == source and f.weight == weight and word in f.error]
    return found


@pytest.mark.parametrize("rule", ["torch", "xavier", "orthogonal", "normal"])
@pytest.mark.parametrize("coding", ["one-hot", "scalar"])
@pytest.mark.parametrize("bias", [True, False])
def test_the_right_forms_are_autograd(rule: str, coding: str, bias: bool) -> None:
    forms = evaluated(network(bias=bias, coding=coding, rule=rule))
    for weight in ("W_ph", "W_hh"):
        right = only(forms, "closed form", weight)
        assert right.error == ""
        assert right.relative_error <= 1e-10
        assert right.value.shape == forms.autograd[weight].shape
        assert forms.autograd[weight].norm() > 0
    assert (forms.steps, forms.batch) == (9, 8)


def test_autograd_is_the_slope_of_the_loss() -> None:
    """An oracle for the oracle: central differences along a random direction."""
    model = network().double()
    drawn = DecimalPalindromes(length=6).sample(4, torch.Generator().manual_seed(2))
    forms = closed_forms(model, drawn.inputs, drawn.targets)
    weight = model.layer.weight_hh_l0
    direction = torch.randn(weight.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    losses = []
    for sign in (1, -1):
        with torch.no_grad():
            weight += sign * 1e-6 * direction
            loss = torch.nn.functional.cross_entropy(model(drawn.inputs), drawn.targets, reduction="sum")
            losses.append(loss.item())
            weight -= sign * 1e-6 * direction
    slope = (losses[0] - losses[1]) / 2e-6
    assert slope == pytest.approx((forms.autograd["W_hh"] * direction).sum().item(), rel=1e-6)


def test_every_reported_form_is_wrong_and_says_why() -> None:
    forms = evaluated(network())
    reported = [form for form in forms.forms if form.source != "closed form"]
    assert [(form.source, form.weight) for form in reported] == [
        ("report A", "W_ph"),
        ("report A", "W_hh"),
        ("report A", "W_hh"),
        ("report B", "W_ph"),
        ("report B", "W_hh"),
    ]
    assert all(form.relative_error > 0.05 and form.error for form in reported)


def test_report_a_s_single_path_is_zero_for_every_weight() -> None:
    for rule in ("torch", "normal"):
        path = only(evaluated(network(rule=rule)), "report A", "W_hh", "only the path")
        assert path.value.abs().max() == 0
        assert path.relative_error == 1


def test_factoring_w_hh_out_is_right_only_where_it_commutes() -> None:
    model = network()
    apart = only(evaluated(model), "report A", "W_hh", "commute")
    assert apart.relative_error > 0.05
    with torch.no_grad():
        model.layer.weight_hh_l0.copy_(0.7 * torch.eye(12))
    commuting = only(evaluated(model), "report A", "W_hh", "commute")
    assert commuting.relative_error < 1e-10


def test_report_b_s_slope_is_right_only_where_h_is_0_or_1() -> None:
    model = network(rule="normal")
    with torch.no_grad():  # every unit saturated at +1: both slopes vanish alike
        model.layer.bias_ih_l0.fill_(60.0)
    wrong = only(evaluated(network(rule="normal")), "report B", "W_hh")
    saturated = evaluated(model)
    assert wrong.relative_error > 0.05
    assert only(saturated, "report B", "W_hh").value.abs().max() < 1e-12


def test_the_reports_softmax_gradients_are_what_they_wrote() -> None:
    model = network().double()
    drawn = DecimalPalindromes(length=6).sample(5, torch.Generator().manual_seed(2))
    forms = closed_forms(model, drawn.inputs, drawn.targets)
    h = model.layer(model.coding(drawn.inputs))[1][0]
    y_hat = torch.softmax(model(drawn.inputs), 1)
    assert torch.allclose(only(forms, "report B", "W_ph").value, y_hat.T @ h, rtol=1e-12)
    first = (drawn.targets == 0).double()[:, None].expand(-1, 10)
    assert torch.allclose(only(forms, "report A", "W_ph").value, first.T @ h, rtol=1e-12)


def test_the_model_is_left_as_it_was() -> None:
    model = network()
    evaluated(model)
    assert model.training
    assert all(p.dtype == torch.float32 and p.grad is None for p in model.parameters())


def test_only_one_tanh_layer_in_one_direction() -> None:
    for layer in (
        LSTM(10, 4),
        RNN(10, 4, num_layers=2),
        RNN(10, 4, nonlinearity="relu"),
        RNN(10, 4, bidirectional=True),
    ):
        with pytest.raises(InputError, match="one layer of tanh RNN"):
            evaluated(SequenceClassifier(layer, symbols=10, classes=10))
    with pytest.raises(InputError, match="1 steps"):
        evaluated(network(), length=2)
