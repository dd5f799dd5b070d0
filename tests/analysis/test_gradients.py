from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from unrolled.analysis.gates import gate_trace
from unrolled.analysis.gradients import (
    StateGradients,
    layer_gradients,
    model_gradients,
    scale_recurrent_weights,
    spectra,
    state_gradients,
)
from unrolled.data import Adding, DecimalPalindromes
from unrolled.errors import InputError
from unrolled.nn import (
    CELL_LAYERS,
    GRU,
    LSTM,
    RNN,
    CharacterModel,
    FullPeepholeLSTM,
    Recurrent,
    SequenceClassifier,
)

T, B, I, H = 4, 2, 3, 3


def stack(name: str, num_layers: int = 2, **options: bool) -> torch.nn.Module:
    layer = CELL_LAYERS[name](I, H, num_layers=num_layers, **options).double()
    for index, parameter in enumerate(layer.parameters()):
        torch.nn.init.normal_(parameter, 0, 0.8, generator=torch.Generator().manual_seed(index))
    return layer


def sequences() -> Tensor:
    return torch.randn(T, B, I, dtype=torch.float64, generator=torch.Generator().manual_seed(5))


def weigh(last: Tensor) -> Tensor:
    """A loss of each row, [B]: curved, and unlike in every unit."""
    return (last * torch.arange(1.0, H + 1, dtype=last.dtype)).sum(-1).sin()


def run_disturbed(layer: torch.nn.Module, x: Tensor, at: tuple[int, int, str, int], size: float) -> Tensor:
    """Each row's loss when one unit of one field is moved at its birth, written out step by step."""
    state = [
        layer.cell.state(*(torch.zeros(B, H, dtype=torch.float64) for _ in layer.state_names))
        for _ in range(layer.num_layers)
    ]
    for t in range(T):
        below = x[t]
        for index in range(layer.num_layers):
            weights = layer._weights(index, 0)
            step = layer.cell.step(below, state[index], weights)
            fields = {name: getattr(step, name) for name in layer.state_names}
            move = torch.zeros(H, dtype=torch.float64)
            if (index, t) == at[:2]:
                move[at[3]] = size
                if at[2] == "memory":  # c comes first; h, and a gate that sees c, follow from it
                    c = step.memory + move
                    o = step.output_gate
                    if weights.p is not None:
                        o = torch.sigmoid(torch.logit(o) + weights.p.chunk(3)[2] * move)
                    fields = {"hidden": torch.tanh(c) * o, "memory": c}
                else:
                    fields["hidden"] = fields["hidden"] + move
            state[index] = layer.cell.state(**fields)
            below = state[index].hidden
    return weigh(below)


@pytest.mark.parametrize("name", CELL_LAYERS)
def test_norms_are_those_of_finite_differences(name: str) -> None:
    layer, x = stack(name), sequences()
    found = layer_gradients(layer, x, lambda output: weigh(output[-1]).sum())
    assert (found.steps, found.batch, len(found.layers)) == (T, B, 2)
    for curves in found.layers:
        assert set(curves.norms) == set(layer.state_names)
        for field, curve in curves.norms.items():
            for t in range(T):
                gradient = torch.empty(B, H, dtype=torch.float64)
                for unit in range(H):
                    at = (curves.layer, t, field, unit)
                    up, down = (run_disturbed(layer, x, at, sign * 1e-5).detach() for sign in (1, -1))
                    gradient[:, unit] = (up - down) / 2e-5
                assert curve[t] == pytest.approx(gradient.norm(dim=1).mean().item(), rel=1e-6, abs=1e-9), (
                    field,
                    t,
                )


def classifier(layer: torch.nn.Module, symbols: int = 10) -> SequenceClassifier:
    model = SequenceClassifier(layer, symbols=symbols, classes=10)
    model.initialise("orthogonal", generator=torch.Generator().manual_seed(0))
    return model


def palindromes(length: int, batch: int = 6) -> tuple[Tensor, Tensor]:
    drawn = DecimalPalindromes(length=length).sample(batch, torch.Generator().manual_seed(1))
    return drawn.inputs, drawn.targets


def test_a_vanilla_rnn_is_the_recursion_of_the_closed_form() -> None:
    model = classifier(RNN(10, 16))
    inputs, targets = palindromes(12)
    found = state_gradients(model, inputs, targets)
    exact = model.double()
    h = exact.layer(exact.coding(inputs))[0]
    y = torch.nn.functional.one_hot(targets, 10)
    delta = (torch.softmax(exact(inputs), 1) - y) @ exact.output.weight
    expected = [delta.norm(dim=1).mean().item()]
    for t in range(10, 0, -1):
        delta = ((1 - h[t] ** 2) * delta) @ exact.layer.weight_hh_l0
        expected.insert(0, delta.norm(dim=1).mean().item())
    assert found.norms["hidden"] == pytest.approx(expected, rel=1e-12)
    loss = torch.nn.functional.cross_entropy(exact(inputs), targets)
    assert found.loss_nats == pytest.approx(loss.item(), rel=1e-12)


def test_a_row_given_twice_changes_nothing() -> None:
    model = classifier(LSTM(10, 8))
    inputs, targets = palindromes(8, batch=3)
    once = state_gradients(model, inputs, targets)
    twice = state_gradients(model, inputs.repeat(1, 2), targets.repeat(2))
    assert twice.norms["memory"] == pytest.approx(once.norms["memory"], rel=1e-12)
    assert twice.batch == 2 * once.batch


def test_a_second_direction_is_read_at_its_own_end() -> None:
    model = classifier(GRU(10, 5, bidirectional=True))
    inputs, targets = palindromes(7)
    forward, reverse = state_gradients(model, inputs, targets).layers
    assert (forward.direction, reverse.direction) == ("forward", "reverse")
    exact = model.double()
    error = torch.softmax(exact(inputs), 1) - torch.nn.functional.one_hot(targets, 10)
    fed_back = error @ exact.output.weight
    assert forward.norms["hidden"][-1] == pytest.approx(fed_back[:, :5].norm(dim=1).mean().item(), rel=1e-12)
    assert reverse.norms["hidden"][0] == pytest.approx(fed_back[:, 5:].norm(dim=1).mean().item(), rel=1e-12)


def test_a_character_model_has_the_loss_of_its_last_step() -> None:
    model = CharacterModel(LSTM(5, 4, num_layers=2), symbols=5)
    tokens = torch.randint(5, (6, 3), generator=torch.Generator().manual_seed(0))
    found = state_gradients(model, tokens[:-1], tokens[1:])
    logits = model.double()(tokens[:-1])[0][-1]
    loss = torch.nn.functional.cross_entropy(logits, tokens[-1])
    assert found.loss_nats == pytest.approx(loss.item(), rel=1e-12)
    assert [curves.layer for curves in found.layers] == [0, 1]
    assert found.norms is found.layers[1].norms


def test_batch_first_layers_are_read_time_first() -> None:
    inputs, targets = palindromes(6)
    plain, turned = (classifier(LSTM(10, 4, batch_first=first)) for first in (False, True))
    assert state_gradients(plain, inputs, targets) == state_gradients(turned, inputs, targets)
    layer, x = stack("lstm", 1), sequences()
    expected = layer_gradients(layer, x, lambda output: weigh(output[-1]).sum())
    layer.batch_first = True
    other = layer_gradients(layer, x.transpose(0, 1), lambda output: weigh(output[:, -1]).sum())
    assert other.norms == expected.norms
    assert layer.batch_first


def untrained(build: Callable[..., torch.nn.Module], scale: float, **options: float) -> SequenceClassifier:
    model = SequenceClassifier(build(10, 24), symbols=10, classes=10)
    generator = torch.Generator().manual_seed(0)
    model.initialise("orthogonal", generator=generator, **options)
    scale_recurrent_weights(model.layer, scale, generator=generator)
    return model


def test_the_scale_of_w_hh_decides_for_an_rnn() -> None:
    inputs, targets = palindromes(101)
    first = {
        scale: state_gradients(untrained(RNN, scale), inputs, targets).norms["hidden"][0] for scale in (0.5, 1.0, 2.0)
    }
    assert 0 < first[0.5] < 1e-30  # .5^99 is 1.6e-30: float32 on its way to denormals, float64 a number
    assert first[0.5] < first[1.0]
    assert first[2.0] > 1e6 * first[0.5]


def test_an_open_forget_gate_carries_the_gradient_in_the_memory() -> None:
    inputs, targets = palindromes(101)
    kept = state_gradients(untrained(LSTM, 1.0, forget_bias=8.0), inputs, targets).norms
    lost = state_gradients(untrained(LSTM, 1.0, forget_bias=0.0), inputs, targets).norms
    assert kept["memory"][0] > 0.1 * kept["memory"][-1]
    assert lost["memory"][0] < 1e-6 * lost["memory"][-1]


def test_the_course_s_peephole_cell_never_reads_h_back() -> None:
    inputs, targets = palindromes(9)
    norms = state_gradients(classifier(FullPeepholeLSTM(10, 6)), inputs, targets).norms
    assert norms["hidden"][:-1] == (0.0,) * 7
    assert norms["hidden"][-1] > 0
    assert min(norms["memory"]) > 0


def test_sizes_of_scaled_blocks() -> None:
    layer = LSTM(4, 64, num_layers=2, bidirectional=True)
    scale_recurrent_weights(layer, 0.9, generator=torch.Generator().manual_seed(0))
    sizes = spectra(layer, 1, 1)
    assert list(sizes) == ["input_gate", "forget_gate", "candidate", "output_gate"]
    for size in sizes.values():
        assert size.spectral_radius == pytest.approx(0.9, abs=1e-5)
        assert size.largest_singular_value == pytest.approx(0.9, abs=1e-5)
    scale_recurrent_weights(layer, 1.5, kind="normal", generator=torch.Generator().manual_seed(0))
    drawn = spectra(layer)["forget_gate"]
    assert drawn.spectral_radius == pytest.approx(1.5, rel=0.2)
    assert drawn.largest_singular_value == pytest.approx(3.0, rel=0.2)


def test_each_layer_and_direction_has_its_own_sizes() -> None:
    model = classifier(LSTM(10, 6, num_layers=2, bidirectional=True))
    scale_recurrent_weights(model.layer, 1.0, kind="normal", generator=torch.Generator().manual_seed(0))
    layers = state_gradients(model, *palindromes(4)).layers
    for found, suffix in zip(layers, ("l0", "l0_reverse", "l1", "l1_reverse"), strict=True):
        candidate = getattr(model.layer, f"weight_hh_{suffix}")[12:18].detach()
        radius = torch.linalg.eigvals(candidate).abs().max().item()
        assert found.spectra["candidate"].spectral_radius == pytest.approx(radius, rel=1e-5)


def test_the_result_names_the_top_layer_s_sizes() -> None:
    model = classifier(RNN(10, 6))
    with torch.no_grad():
        model.layer.weight_hh_l0.copy_(torch.tensor([2.0, -3.0, 0, 0, 0, 0]).diag())
        model.layer.weight_hh_l0[2, 3] = 7.0
    found = state_gradients(model, *palindromes(4))
    assert found.spectral_radius == pytest.approx(3.0)
    assert found.largest_singular_value == pytest.approx(7.0)


def test_a_user_s_own_cell_joins() -> None:
    own = torch.nn.LSTMCell(10, 6)
    house = LSTM(10, 6)
    house.load_state_dict({f"{name}_l0": value for name, value in own.state_dict().items()})
    inputs, targets = palindromes(7)
    models = [SequenceClassifier(layer, symbols=10, classes=10) for layer in (Recurrent(own), house)]
    models[1].output.load_state_dict(models[0].output.state_dict())
    theirs, ours = (state_gradients(model, inputs, targets) for model in models)
    assert theirs.norms["hidden"] == pytest.approx(ours.norms["hidden"], rel=1e-6)
    assert theirs.spectral_radius is None
    assert theirs.layers[0].spectra == {}
    with pytest.raises(InputError, match="not a layer of the house"):
        scale_recurrent_weights(models[0].layer, 1.0)


class Own(torch.nn.Module):
    """A vanilla RNN with something done to the state it is given, or to the one it gives."""

    hidden_size = 6

    def __init__(self, before: Callable[[Tensor], Tensor], after: Callable[[Tensor], Tensor] = Tensor.tanh) -> None:
        super().__init__()
        self.mix = torch.nn.Linear(10 + 6, 6)
        self.before, self.after = before, after

    def forward(self, x: Tensor, hidden: Tensor) -> Tensor:
        return self.after(self.mix(torch.cat([x, self.before(hidden)], -1)))


@pytest.mark.parametrize("chunk", [2, 128])
def test_a_cell_that_draws_is_run_again_with_the_same_draws(chunk: int) -> None:
    model = classifier(Recurrent(Own(torch.nn.Dropout(0.5), lambda a: a.tanh() + 0.1 * torch.randn_like(a))))
    inputs, targets = palindromes(7)

    def loss(model: torch.nn.Module) -> Tensor:
        torch.manual_seed(3)
        return torch.nn.functional.cross_entropy(model(inputs), targets)

    found = model_gradients(model, loss, keep=True, chunk=chunk)["layer"].top
    after = torch.rand(1)
    loss(model).backward()
    assert after == torch.rand(1)  # the draws go on as if nothing had been run again
    expected = model.layer.cells[0].mix.weight.grad
    values = found.contributions["cells.0.mix.weight"].values
    assert torch.allclose(values.sum(0), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    "cell", [Own(Tensor.detach), Own(Tensor.clone, Tensor.detach)], ids=["what it reads", "what it gives"]
)
def test_a_cell_that_detaches_is_heard_from_at_the_last_step_only(cell: Own) -> None:
    norms = state_gradients(classifier(Recurrent(cell)), *palindromes(5)).norms["hidden"]
    assert norms[-1] > 0
    assert not any(norms[:-1])


def test_a_number_is_marked_as_its_task_marks_it() -> None:
    task = Adding(length=6)
    model = SequenceClassifier(LSTM(2, 4), symbols=0, classes=1, coding="scalar", numbers=2)
    batch = task.sample(3, torch.Generator().manual_seed(0))
    seen = state_gradients(model, batch.inputs, batch.targets, marking=task.marking)
    expected = (model.double()(batch.inputs.double()).squeeze(-1) - batch.targets).square().mean()
    assert seen.loss_nats == pytest.approx(expected.item(), rel=1e-9)
    assert seen.norms["hidden"][-1] > 0


def test_the_model_is_left_as_it_was() -> None:
    model = classifier(LSTM(10, 4))
    model.output.weight.requires_grad_(False)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state_gradients(model, *palindromes(5))
    assert model.training
    assert not model.output.weight.requires_grad
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(p.grad is None and p.dtype == torch.float32 for p in model.parameters())


def test_frozen_weights_do_not_stop_the_gradient_of_a_state() -> None:
    model = classifier(RNN(10, 4))
    inputs, targets = palindromes(5)
    free = state_gradients(model, inputs, targets)
    model.requires_grad_(False)
    assert state_gradients(model, inputs, targets) == free


OWN = {"lstm-cell": torch.nn.LSTMCell, "gru-cell": torch.nn.GRUCell, "rnn-cell": torch.nn.RNNCell}


def layers_of_every_kind() -> dict[str, torch.nn.Module]:
    cells = {name: stack(name) for name in CELL_LAYERS}
    both = {f"{name} both ways": stack(name, bidirectional=True) for name in CELL_LAYERS}
    own = {name: Recurrent([make(I, H), make(H, H)]).double() for name, make in OWN.items()}
    return cells | both | own


KINDS = layers_of_every_kind()


@pytest.mark.parametrize("chunk", [1, 3, 128])
@pytest.mark.parametrize("kind", KINDS)
def test_contributions_add_up_to_autograd_s_gradient(kind: str, chunk: int) -> None:
    layer, x = KINDS[kind], sequences()
    loss = layer(x)[0].square().sum().sin()
    expected = dict(
        zip(dict(layer.named_parameters()), torch.autograd.grad(loss, list(layer.parameters())), strict=True)
    )
    found = layer_gradients(layer, x, lambda output: output.square().sum().sin(), keep=True, chunk=chunk)
    assert found.loss == pytest.approx(loss.item(), rel=1e-12)
    seen = {name: each for curves in found.layers for name, each in curves.contributions.items()}
    assert set(seen) == set(expected)
    for name, each in seen.items():
        assert each.values is not None
        assert each.values.shape == (T, *expected[name].shape)
        assert torch.allclose(each.values.sum(0), expected[name], rtol=1e-10, atol=1e-10 * float(expected[name].norm()))
        assert each.total == pytest.approx(expected[name].norm().item(), rel=1e-10)
        assert each.norms == pytest.approx(each.values.flatten(1).norm(dim=1).tolist(), rel=1e-10)
        assert each.shares is not None
        assert sum(each.shares) == pytest.approx(1, abs=1e-10)


def test_a_contribution_is_the_step_s_own_term_of_the_closed_form() -> None:
    model = classifier(RNN(10, 16))
    inputs, targets = palindromes(7)
    found = state_gradients(model, inputs, targets, keep=True)
    exact = model.double()
    h = exact.layer(exact.coding(inputs))[0]
    delta = (torch.softmax(exact(inputs), 1) - torch.nn.functional.one_hot(targets, 10)) @ exact.output.weight
    steps = found.layers[0].contributions["weight_hh_l0"].values
    for t in range(5, 0, -1):
        assert torch.allclose(steps[t], ((1 - h[t] ** 2) * delta).T @ h[t - 1], rtol=1e-9, atol=1e-13)
        delta = ((1 - h[t] ** 2) * delta) @ exact.layer.weight_hh_l0
    assert not steps[0].any()  # h_0 = 0


@pytest.mark.parametrize("kind", KINDS)
def test_chunks_change_nothing(kind: str) -> None:
    layer, x = KINDS[kind], sequences()
    whole, cut = (layer_gradients(layer, x, lambda out: out[-1].sin().sum(), chunk=chunk) for chunk in (128, 2))
    for one, other in zip(whole.layers, cut.layers, strict=True):
        for field, curve in one.norms.items():
            assert other.norms[field] == pytest.approx(curve, rel=1e-10, abs=1e-14)
        for name, shares in one.gates.items():
            assert other.gates[name].mean == pytest.approx(shares.mean, rel=1e-10)
            assert (other.gates[name].low, other.gates[name].high) == (shares.low, shares.high)


@pytest.mark.parametrize("lengths", [None, [2, 0, 4]])
@pytest.mark.parametrize("chunk", [3, 128])
@pytest.mark.parametrize("name", CELL_LAYERS)
def test_the_kernel_shows_what_the_equation_does(name: str, chunk: int, lengths: list[int] | None) -> None:
    exact = stack(name, bidirectional=True)
    layer = CELL_LAYERS[name](I, H, num_layers=2, bidirectional=True)
    layer.load_state_dict(exact.state_dict())
    x = torch.randn(T, 3, I, generator=torch.Generator().manual_seed(2))
    for row, steps in enumerate(lengths or ()):
        x[steps:, row] = torch.nan  # whatever stands in the padding
    start = tuple(torch.randn(4, 3, H, generator=torch.Generator().manual_seed(9)) for _ in layer.state_names)

    def look(layer: torch.nn.Module, dtype: torch.dtype) -> StateGradients:
        hx = tuple(field.to(dtype) for field in start)

        def loss(layer: torch.nn.Module) -> Tensor:
            return layer(x.to(dtype), hx if len(hx) > 1 else hx[0], lengths=lengths)[0].square().sum().sin()

        return model_gradients(layer, loss, keep=True, chunk=chunk)[""]

    for fast, slow in zip(look(layer, torch.float32).layers, look(exact, torch.float64).layers, strict=True):
        assert list(fast.gates) == list(slow.gates)
        for gate, shares in slow.gates.items():
            assert fast.gates[gate].mean == pytest.approx(shares.mean, abs=1e-5)
            assert fast.gates[gate].low == pytest.approx(shares.low)
        for field, curve in slow.norms.items():
            assert fast.norms[field] == pytest.approx(curve, rel=1e-4, abs=1e-5)
        for weight, part in slow.contributions.items():
            got = fast.contributions[weight]
            assert torch.allclose(got.values.double(), part.values, rtol=1e-4, atol=1e-5 * part.total)
            assert got.norms == pytest.approx(part.norms, rel=1e-4, abs=1e-5 * part.total)
            assert got.total == pytest.approx(part.total, rel=1e-4)


def test_an_output_that_is_written_into_changes_nothing() -> None:
    layer, x = LSTM(I, H), sequences().float()
    expected = model_gradients(layer, lambda m: (2 * m(x)[0]).sum())[""]
    assert model_gradients(layer, lambda m: m(x)[0].mul_(2).sum())[""] == expected


def test_a_small_gradient_is_a_number_in_float32_too() -> None:
    model = untrained(RNN, 0.5)
    inputs, targets = palindromes(81)
    loss = lambda m: torch.nn.functional.cross_entropy(m(inputs), targets, reduction="sum")  # noqa: E731
    expected = state_gradients(model, inputs, targets).norms["hidden"][0]
    assert 1e-30 < expected < 1e-20  # its square is none
    assert model_gradients(model, loss)["layer"].norms["hidden"][0] == pytest.approx(expected, rel=1e-3)


class Anybody(torch.nn.Module):
    """An embedding, two torch recurrences, attention over time: nothing of the house."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = torch.nn.Embedding(7, 4)
        self.lower = torch.nn.GRU(4, 5, batch_first=True, bidirectional=True)
        self.upper = torch.nn.LSTM(10, 3, batch_first=True)
        self.head = torch.nn.Linear(3, 2)

    def forward(self, tokens: Tensor, lengths: Tensor | None = None) -> Tensor:
        out, _ = self.lower(self.embed(tokens))
        out, (h, _) = self.upper(out) if lengths is None else self.upper(out, lengths=lengths)
        attention = torch.softmax(out.sum(-1), 1)
        return self.head((attention[..., None] * out).sum(1) + h[0])


@pytest.mark.parametrize("chunk", [2, 128])
def test_anybody_s_model_and_loss(chunk: int) -> None:
    model = Anybody()
    tokens, y = torch.randint(7, (3, 6)), torch.tensor([0, 1, 1])
    found = model_gradients(model, lambda m: torch.nn.functional.cross_entropy(m(tokens), y), keep=True, chunk=chunk)
    torch.nn.functional.cross_entropy(model(tokens), y).backward()
    assert list(found) == ["lower", "upper"]
    assert [curves.direction for curves in found["lower"].layers] == ["forward", "reverse"]
    for name, seen in found.items():
        for curves in seen.layers:
            for weight, each in curves.contributions.items():
                expected = getattr(getattr(model, name), weight).grad
                assert torch.allclose(each.values.sum(0), expected, rtol=1e-4, atol=1e-6)
    assert type(model.upper) is torch.nn.LSTM


def test_a_padded_row_is_its_own_sequence() -> None:
    layer, x = stack("lstm"), sequences()
    short = model_gradients(layer, lambda m: m(x[:, :1], lengths=[2])[0].square().sum())[""]
    alone = model_gradients(layer, lambda m: m(x[:2, :1])[0].square().sum())[""]
    for padded, cut in zip(short.layers, alone.layers, strict=True):
        assert padded.norms["memory"][:2] == pytest.approx(cut.norms["memory"], rel=1e-10)
        assert padded.norms["memory"][2:] == (0, 0)
        assert padded.gates["forget_gate"].mean[:2] == pytest.approx(cut.gates["forget_gate"].mean, rel=1e-10)


def test_shares_of_gates_are_those_of_the_trace() -> None:
    model = classifier(LSTM(10, 6)).double()
    inputs, targets = palindromes(8, batch=1)
    shares = state_gradients(model, inputs, targets).layers[0].gates
    trace = gate_trace(model, inputs[:, 0])
    for name, values in trace.gates.items():
        assert shares[name].low == pytest.approx(values.shut)
        assert shares[name].high == pytest.approx(values.open)
        assert shares[name].mean == pytest.approx(values.mean)
    hidden = trace.others["hidden"].values
    assert shares["hidden"].saturated == pytest.approx((hidden.abs() > 0.9).double().mean(1).tolist())


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (lambda m: m(sequences())[0], r"the loss has shape \[4, 2, 3\]: a scalar would do"),
        (lambda m: 1.0, "the loss is float: a scalar would do"),
        (lambda m: torch.zeros(()), "does not depend on any weight"),
        (lambda m: (m(sequences())[0] + m(sequences())[0]).sum(), "called more than once"),
    ],
)
def test_a_loss_that_cannot_be_looked_at(loss: Callable[..., Tensor], message: str) -> None:
    with pytest.raises(InputError, match=message):
        model_gradients(stack("lstm"), loss)


def test_what_has_no_gradients() -> None:
    model = SequenceClassifier(torch.nn.LSTM(10, 4), symbols=10, classes=10)
    with pytest.raises(InputError, match=r"convert\(model\)"):
        state_gradients(model, *palindromes(5))
    with pytest.raises(InputError, match="at least one sequence"):
        layer_gradients(LSTM(3, 2), torch.zeros(4, 0, 3), lambda output: output.sum())
    with pytest.raises(InputError, match="has no recurrent layer"):
        model_gradients(torch.nn.Linear(2, 2), lambda m: m(torch.zeros(2)).sum())
    with pytest.raises(InputError, match="chunk is 0"):
        layer_gradients(LSTM(3, 2), torch.zeros(4, 1, 3), lambda output: output.sum(), chunk=0)
    with pytest.raises(InputError, match="scale is -1"):
        scale_recurrent_weights(LSTM(3, 2), -1.0)
    cell = Own(torch.tanh)
    cell.mix = torch.nn.Identity()
    cell.after = lambda a: a[..., :6]
    with pytest.raises(InputError, match="the cell has no weights"):
        state_gradients(classifier(Recurrent(cell)), *palindromes(5))
