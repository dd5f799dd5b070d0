"""The native writer: the layers' logits, the page's choices, the same whatever else runs beside it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from unrolled.errors import InputError
from unrolled.generation import choice as page
from unrolled.kernels.native.library import Library
from unrolled.kernels.native.writer import Choice, Model, Writer
from unrolled.nn import CELL_LAYERS, CharacterModel

CELLS = [
    *((name, {}) for name in CELL_LAYERS),
    ("rnn", {"nonlinearity": "relu"}),
    ("gru", {"reset_before": True}),
    ("lstm", {"bias": False}),
]
SHAPES = [(16, 1, 9, None, 1), (33, 2, 70, None, 3), (37, 3, 23, 11, 7)]
"""H, layers, V, size of the embedding (None: one-hot), rows: tails of vectors, words and tiles among them."""

BOUNDS = {"float32": 1e-5, "bf16": 0.02, "int8": 0.06}
"""Largest error of a logit; the worst of the rounded ones, a relu layer, measured 6e-3 and 1.8e-2."""


def character_model(
    name: str, H: int, layers: int, V: int, embedding: int | None, options: dict[str, object]
) -> CharacterModel:
    layer = CELL_LAYERS[name](embedding or V, H, num_layers=layers, **options)
    model = CharacterModel(layer, symbols=V, coding="embedding" if embedding else "one-hot").eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1.3)
    return model


def packed(library: Library, model: CharacterModel, precision: str = "float32", portable: bool = False) -> Writer:
    layer = model.layer
    weights = [tuple(layer.cell_weights(k)) for k in range(layer.num_layers)]
    embedding = model.coding.weight if isinstance(model.coding, torch.nn.Embedding) else None
    output = (model.output.weight, model.output.bias)
    return Writer(library, Model(layer.cell.name, weights, embedding, output), precision, portable=portable)


@torch.no_grad()
def logits_of(model: CharacterModel, codes: Tensor) -> Tensor:
    return model(codes)[0]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize(("name", "options"), CELLS, ids=str)
def test_logits_are_the_layer_s(
    library: Library, name: str, options: dict[str, object], shape: tuple[int, ...]
) -> None:
    *sizes, rows = shape
    model = character_model(name, *sizes, options)
    codes = torch.randint(sizes[2], (11, rows))
    want = logits_of(model, codes)
    for precision, bound in BOUNDS.items():
        for portable in (False, True):
            writer = packed(library, model, precision, portable)
            got = writer.read(writer.zeros(rows), codes, logits=True)
            assert float((got - want).abs().max()) < bound, (precision, portable)


def test_bytes_are_summed_exactly(library: Library) -> None:
    """With whole numbers for weights and states nothing is rounded: int8 gives float32's logits."""
    model = character_model("rnn", 64, 1, 20, None, {"nonlinearity": "relu", "bias": False})
    with torch.no_grad():
        for weight in (model.layer.weight_ih_l0, model.layer.weight_hh_l0, model.output.weight):
            weight.copy_(torch.randint(-1, 2, weight.shape))
            weight[:, 0] = 127
        model.layer.weight_hh_l0.zero_()[:, 0] = 127
        model.layer.weight_ih_l0.copy_(torch.randint(0, 128, (64, 20)))
        model.layer.weight_ih_l0[0] = 127
    codes = torch.arange(20)[None]
    for portable in (False, True):
        writer = packed(library, model, "int8", portable)
        got = writer.read(writer.zeros(20), codes, logits=True)
        torch.testing.assert_close(got, logits_of(model, codes), rtol=1e-6, atol=1e-3)


def test_rows_end_where_their_lengths_say(best: Library) -> None:
    model = character_model("lstm", 20, 2, 9, None, {})
    writer = packed(best, model)
    codes, lengths = torch.randint(9, (8, 5)), torch.tensor([8, 0, 3, 1, 8])
    state = writer.zeros(5)
    writer.read(state, codes, lengths)
    with torch.no_grad():
        _, want = model(codes, lengths=lengths)
    for got, field in zip(state, want, strict=True):
        torch.testing.assert_close(got, field, rtol=0, atol=1e-5)


RULES = [
    page.GREEDY,
    page.Choice(temperature=1.0),
    page.Choice(temperature=0.3),
    page.Choice(temperature=2.5, top_k=3),
    page.Choice(temperature=1.0, top_p=0.6),
    page.Choice(temperature=1.5, top_k=20, top_p=0.9),
    page.Choice(temperature=1e-300),
    page.Choice(temperature=1.0, top_k=1),
    page.Choice(temperature=1.0, top_k=10_000, top_p=1.0),
]


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_chooses_as_the_page_says(library: Library, rule: page.Choice) -> None:
    """Given its own logits, the page makes the same choices; the two round differently, so one in 10⁵ may differ."""
    model = character_model("gru", 16, 1, 70, None, {})
    with torch.no_grad():
        model.output.weight.mul_(6)
    writer = packed(library, model)
    native = Choice(rule.temperature or 0.0, rule.top_k or 0, rule.top_p or 1.0, 2**63 - 5)
    written = writer.write(
        writer.zeros(7),
        torch.zeros(7, dtype=torch.int64),
        60,
        native,
        first_row=3,
        place=11,
        log_probabilities=True,
        logits=True,
    )
    for step in range(60):
        uniforms = [page.uniform(native.seed, 3 + row, 11 + step) for row in range(7)]
        symbols, likelihoods = page.choose(written.logits[step], rule, uniforms)
        assert torch.equal(written.symbols[step], symbols)
        torch.testing.assert_close(written.log_probabilities[step].double(), likelihoods, rtol=1e-5, atol=2e-6)
    assert len(set(written.symbols.flatten().tolist())) > 1


def test_equal_weights_go_by_their_place(library: Library) -> None:
    """Ties at the edge of top_k and top_p: the first of them count as the larger."""
    model = character_model("rnn", 8, 1, 37, None, {})
    with torch.no_grad():
        model.output.weight.zero_()
        model.output.bias.zero_()
        model.output.bias[20] = 1.0
    for rule in (page.Choice(top_k=5), page.Choice(top_p=0.2)):
        writer = packed(library, model)
        native = Choice(1.0, rule.top_k or 0, rule.top_p or 1.0, 1)
        written = writer.write(writer.zeros(400), torch.zeros(400, dtype=torch.int64), 1, native)
        uniforms = [page.uniform(1, row, 0) for row in range(400)]
        symbols, _ = page.choose(model.output.bias.expand(400, 37), rule, uniforms)
        assert torch.equal(written.symbols[0], symbols)
        assert set(symbols.tolist()) <= {0, 1, 2, 3, 4, 5, 20}


def test_neither_rows_nor_pieces_nor_threads_matter(best: Library) -> None:
    model = character_model("lstm", 40, 2, 30, None, {})
    choice = Choice(1.0, 0, 1.0, 5)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        writer = packed(best, model)
        begin = torch.arange(70) % 30
        all_rows = writer.write(writer.zeros(70), begin.clone(), 25, choice).symbols
        torch.set_num_threads(1)
        state, symbol = writer.zeros(70), begin.clone()
        pieces = [
            writer.write(state, symbol, steps, choice, place=at).symbols for at, steps in ((0, 7), (7, 1), (8, 17))
        ]
    finally:
        torch.set_num_threads(before)
    assert torch.equal(all_rows, torch.cat(pieces))
    some = writer.write(writer.zeros(3), begin[41:44].clone(), 25, choice, first_row=41).symbols
    assert torch.equal(all_rows[:, 41:44], some)


@pytest.mark.parametrize("precision", ["float32", "int8"])
@pytest.mark.parametrize(("name", "options"), CELLS, ids=str)
def test_a_crew_writes_what_one_thread_does(
    best: Library, name: str, options: dict[str, object], precision: str
) -> None:
    writer = packed(best, character_model(name, 260, 2, 150, None, options), precision)
    before = torch.get_num_threads()
    found = []
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            state, symbol = writer.zeros(2), torch.tensor([3, 7])
            written = writer.write(state, symbol, 301, Choice(1.0, 0, 1.0, 5), logits=True)
            read = writer.read(state, written.symbols, logits=True)
            found.append((written.symbols, written.logits, read, *state))
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(one, crew) for one, crew in zip(*found, strict=True))


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_what_is_not_finite_is_said(library: Library, temperature: float) -> None:
    model = character_model("gru", 8, 1, 9, None, {})
    with torch.no_grad():
        model.output.bias[4] = torch.nan
    writer = packed(library, model)
    with pytest.raises(InputError, match="diverged"):
        writer.write(writer.zeros(2), torch.zeros(2, dtype=torch.int64), 3, Choice(temperature, 0, 1.0, 0))


def test_a_symbol_outside_is_refused(best: Library) -> None:
    writer = packed(best, character_model("rnn", 8, 1, 9, None, {}))
    for wrong in (9, -1):
        with pytest.raises(InputError, match="outside 0 to 8"):
            writer.read(writer.zeros(1), torch.tensor([[wrong]]))
