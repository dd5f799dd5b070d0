"""Native and step by step: the same text from the same seed, on every built-in cell."""

from __future__ import annotations

import pytest
import torch

from unrolled.data import ByteVocabulary, Vocabulary
from unrolled.errors import InputError
from unrolled.generation import Choice, Stream
from unrolled.generation.choice import GREEDY
from unrolled.generation.scribe import open_scribe
from unrolled.kernels.native.loader import NativeUnavailable, load
from unrolled.nn import CELL_LAYERS, LSTM, CharacterModel, Recurrent

LETTERS = Vocabulary("abcdefgh ")
RULES = [GREEDY, Choice(temperature=1.2), Choice(temperature=2.0, top_k=4, top_p=0.9)]


@pytest.fixture(autouse=True)
def _native() -> None:
    try:
        load()
    except NativeUnavailable as reason:
        pytest.skip(f"no native kernels: {reason}")


def lively(layer: torch.nn.Module, coding: str = "one-hot") -> CharacterModel:
    model = CharacterModel(layer, symbols=9, coding=coding)
    model.initialise("normal", generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        for name, weight in layer.named_parameters():
            if name.startswith("weight_hh"):
                weight.mul_(
                    0.25
                )  # spectral radius about 1: at 4 an RNN is chaotic, and rounding decides its text within 50 steps
    return model.eval()


def written(model: CharacterModel, starts: list[str], rule: Choice, length: int = 60) -> list[str]:
    stream = Stream(model, LETTERS, starts, choice=rule, seed=3, log_probabilities=True)
    return ["".join(parts) for parts in zip(*(stream.texts(piece) for piece in stream.pieces(length)), strict=True)]


@pytest.mark.parametrize("rule", RULES, ids=str)
@pytest.mark.parametrize("name", CELL_LAYERS)
def test_one_seed_one_text_on_either_path(name: str, rule: Choice, monkeypatch: pytest.MonkeyPatch) -> None:
    model = lively(CELL_LAYERS[name](9, 16, num_layers=2))
    starts = ["bad cab", "a", "", "fed"]
    assert open_scribe(model, 1).reason == ""
    native = written(model, starts, rule)
    monkeypatch.setenv("UNROLLED_KERNELS", "torch")
    assert "UNROLLED_KERNELS=torch" in open_scribe(model, 1).reason
    assert written(model, starts, rule) == native
    assert rule is GREEDY or len(set(native)) > 1


def test_an_embedding_and_weight_norm_are_native(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = torch.nn.utils.weight_norm(LSTM(5, 16), "weight_hh_l0")
    model = CharacterModel(layer, symbols=9, coding="embedding").eval()
    with torch.no_grad():
        model.output.weight.mul_(20)
    native = written(model, ["abc", "abd"], Choice(temperature=1.0))
    assert open_scribe(model, 1).reason == ""
    monkeypatch.setenv("UNROLLED_KERNELS", "torch")
    assert written(model, ["abc", "abd"], Choice(temperature=1.0)) == native


@pytest.mark.parametrize(
    ("model", "why"),
    [
        (lambda: lively(LSTM(9, 8).double()), "not float32"),
        (lambda: CharacterModel(Recurrent(torch.nn.GRUCell(9, 8)), symbols=9), "own layers"),
        (lambda: CharacterModel(LSTM(1, 8), symbols=9, coding="scalar"), "coding Scalar"),
    ],
)
def test_what_is_not_native_says_why_and_writes(model: object, why: str) -> None:
    made = model()
    assert why in open_scribe(made, 1).reason
    assert len(written(made, ["ab", "abc"], GREEDY, 5)[1]) == 5
    with pytest.raises(InputError, match=r"int8' needs the native kernels: .*float32 will do"):
        open_scribe(made, 1, "int8")
    with pytest.raises(InputError, match="float32, bf16 or int8"):
        open_scribe(made, 1, "int4")


def test_a_long_beginning_in_parts() -> None:
    model = lively(LSTM(9, 16))
    beginning = "abcdefgh " * 400
    stream = Stream(model, LETTERS, [beginning], choice=GREEDY, seed=0)
    read: list[int] = []
    stream.read(read.append)
    assert read == [1024, 2048, 3072, 3599]
    with torch.no_grad():
        _, state = model(LETTERS.encode(beginning)[:-1, None])
        logits, _ = model.step(LETTERS.encode(" "), state)
    torch.testing.assert_close(stream.open().advance(stream.last), logits, rtol=0, atol=1e-5)


def test_texts_go_on() -> None:
    model = lively(LSTM(9, 16))
    stream = Stream(model, LETTERS, ["ab"], choice=Choice(temperature=1.0), seed=3)
    parts = [stream.texts(piece)[0] for length in (10, 0, 25) for piece in stream.pieces(length)]
    assert "".join(parts) == written(model, ["ab"], Choice(temperature=1.0), 35)[0]


def test_a_character_of_several_bytes_is_not_torn_where_pieces_meet() -> None:
    model = CharacterModel(LSTM(256, 8), symbols=256).eval()
    stream = Stream(model, ByteVocabulary(), ["ß", "ab"], choice=Choice(temperature=1.0), seed=1)
    symbols, texts = [], []
    for piece in stream.pieces(3000):
        symbols.append(piece.symbols)
        texts.append(stream.texts(piece))
    texts.append(stream.rest())
    whole = [bytes(column.tolist()).decode("utf-8", "replace") for column in torch.cat(symbols).T]
    assert len(symbols) > 5
    assert ["".join(parts) for parts in zip(*texts, strict=True)] == whole
    assert any(ord(character) > 127 and character != "\ufffd" for character in whole[0])
    assert stream.rest() == ["", ""]


def test_a_diverged_model_is_refused_before_it_is_rounded() -> None:
    model = lively(LSTM(9, 16))
    with torch.no_grad():
        model.layer.weight_hh_l0[3, 3] = torch.inf
    with pytest.raises(InputError, match="diverged"):
        open_scribe(model, 1, "int8")
