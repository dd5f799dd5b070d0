from __future__ import annotations

from collections import Counter
from itertools import islice

import pytest
import torch
from torch import Generator

from unrolled.data import Vocabulary
from unrolled.errors import InputError, TextError
from unrolled.generation import Sample, draw_samples, generate
from unrolled.nn import CELL_LAYERS, GRU, LSTM, RNN, CharacterModel, Recurrent

LETTERS = Vocabulary("abcdefgh ")


def model(layer: torch.nn.Module | None = None) -> CharacterModel:
    """A network with much to say: weights so large that each choice depends on all it has read."""
    made = CharacterModel(LSTM(9, 16, num_layers=2) if layer is None else layer, symbols=9)
    made.initialise("normal", generator=seeded(0))
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.mul_(1.5 if parameter.dim() == 2 else 0)
    return made


def biased(bias: list[float]) -> CharacterModel:
    """A network with one distribution, whatever it has read."""
    made = CharacterModel(RNN(9, 2), symbols=9)
    with torch.no_grad():
        made.output.weight.zero_()
        made.output.bias.copy_(torch.tensor(bias))
    return made


def seeded(seed: int) -> Generator:
    return Generator().manual_seed(seed)


def greedily(made: CharacterModel, prompt: str, length: int) -> str:
    """The specification: read everything again for each character."""
    text = prompt
    with torch.no_grad():
        for _ in range(length):
            logits, _ = made(LETTERS.encode(text)[:, None])
            text += LETTERS[int(logits[-1, 0].argmax())]
    return text[len(prompt) :]


@pytest.mark.parametrize("name", CELL_LAYERS)
def test_greedy_is_what_reading_everything_again_says(name: str) -> None:
    made = model(CELL_LAYERS[name](9, 16, num_layers=2))
    text = "".join(generate(made, LETTERS, "bad cab", length=40, temperature=None, generator=seeded(0)))
    assert text == greedily(made, "bad cab", 40)
    assert len(set(text)) > 1


def test_the_whole_prompt_counts() -> None:
    made = model()
    texts = {
        prompt: "".join(generate(made, LETTERS, prompt, length=20, temperature=None, generator=seeded(0)))
        for prompt in ("aaaa", "caaa")
    }
    assert texts["aaaa"] != texts["caaa"]


def test_temperature_divides_the_logits() -> None:
    logits = [0.5, -1.0, 2.0, 0.0, -2.0, 1.0, 0.3, -0.3, 0.8]
    for temperature in (0.5, 1.0, 2.0):
        expected = torch.softmax(torch.tensor(logits) / temperature, 0)
        drawn = Counter(
            "".join(
                sample.text
                for sample in draw_samples(
                    biased(logits),
                    LETTERS,
                    ["a"] * 400,
                    length=50,
                    temperature=temperature,
                    generator=seeded(1),
                )
            )
        )
        shares = torch.tensor([drawn[character] for character in LETTERS]) / 20_000
        assert (shares - expected).abs().max() < 4 * 0.5 / 20_000**0.5  # four standard errors, at the most


@pytest.mark.parametrize("temperature", [1e-3, 1e-300])
def test_a_cold_temperature_is_greedy(temperature: float) -> None:
    made = model()
    cold = generate(made, LETTERS, "dad", length=30, temperature=temperature, generator=seeded(0))
    assert "".join(cold) == greedily(made, "dad", 30)


def test_one_seed_one_text() -> None:
    def written(seed: int) -> str:
        return "".join(generate(model(), LETTERS, "a", length=60, temperature=2.0, generator=seeded(seed)))

    assert written(1) == written(1)
    assert written(1) != written(2)


def test_without_a_prompt_a_first_character_is_drawn_and_yielded() -> None:
    made = model()
    firsts = Counter()
    for seed in range(60):
        text = "".join(generate(made, LETTERS, length=3, temperature=None, generator=seeded(seed)))
        assert len(text) == 4
        assert text[1:] == greedily(made, text[0], 3)
        firsts[text[0]] += 1
    assert set(firsts) == set(LETTERS)


def test_hardly_more_is_computed_than_is_asked_for() -> None:
    made = model(Recurrent(torch.nn.GRUCell(9, 8)))
    assert list(generate(made, LETTERS, "abc", length=0, temperature=1.0, generator=seeded(0))) == []
    assert len(list(generate(made, LETTERS, length=0, temperature=1.0, generator=seeded(0)))) == 1
    recorded = []
    step = made.step
    made.step = lambda *given: recorded.append(torch.is_grad_enabled()) or step(*given)  # type: ignore[method-assign]
    stream = generate(made, LETTERS, "abc", length=1_000_000, temperature=1.0, generator=seeded(0))
    assert len(list(islice(stream, 5))) == 5
    assert recorded == [False] * 7  # pieces of 1, 2 and 4
    assert len(list(generate(made, LETTERS, "abc", length=5, temperature=1.0, generator=seeded(0)))) == 5
    assert recorded == [False] * 12


def test_gradients_dropout_and_modes_are_the_caller_s() -> None:
    made = model(LSTM(9, 16, num_layers=2, dropout=0.9))
    made.output.eval()
    stream = generate(made, LETTERS, "abc", length=20, temperature=None, generator=seeded(0))
    text = ""
    for character in stream:
        assert torch.is_grad_enabled()
        assert made.training
        assert made.layer.training
        assert not made.output.training
        text += character
    made.eval()
    assert text == greedily(made, "abc", 20)


def test_samples_of_many_starts_at_once() -> None:
    made = model()
    starts = ["a", "bad cab", "", "fed"]
    samples = draw_samples(
        made, LETTERS, starts, length=25, temperature=None, generator=seeded(3), step=500, kind="third"
    )
    assert [sample.start for sample in samples if sample.start in starts] == ["a", "bad cab", "fed"]
    assert samples[2].start in LETTERS
    for sample in samples:
        assert sample.text == greedily(made, sample.start, 25)
    assert samples[0] == Sample(step=500, kind="third", temperature=None, start="a", text=samples[0].text, length=25)
    assert draw_samples(made, LETTERS, [], length=5, temperature=1.0, generator=seeded(0)) == ()
    assert draw_samples(made, LETTERS, ["a"], length=0, temperature=1.0, generator=seeded(0))[0].text == ""


def test_one_sample_is_one_stream() -> None:
    made = model()
    (sample,) = draw_samples(made, LETTERS, ["cab"], length=40, temperature=1.5, generator=seeded(9))
    stream = generate(made, LETTERS, "cab", length=40, temperature=1.5, generator=seeded(9))
    assert sample.text == "".join(stream)


def test_a_user_s_cell_writes_too() -> None:
    made = model(Recurrent(torch.nn.GRUCell(9, 8)))
    text = "".join(generate(made, LETTERS, "abc", length=10, temperature=None, generator=seeded(0)))
    assert text == greedily(made, "abc", 10)
    samples = draw_samples(made, LETTERS, ["abc", "d"], length=10, temperature=None, generator=seeded(0))
    assert samples[0].text == text


def test_what_cannot_be_written() -> None:
    made = model(GRU(9, 4))
    with pytest.raises(TextError, match=r"'Ä' \(U\+00C4\) at position 1 .* 9 characters"):
        generate(made, LETTERS, "aÄ", length=5, temperature=1.0, generator=seeded(0))
    for temperature in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(InputError, match="temperature is"):
            generate(made, LETTERS, "a", length=5, temperature=temperature, generator=seeded(0))
    with pytest.raises(InputError, match="length is -1"):
        generate(made, LETTERS, "a", length=-1, temperature=1.0, generator=seeded(0))
    with pytest.raises(InputError, match="knows 9 characters, the vocabulary holds 2"):
        draw_samples(made, Vocabulary("ab"), ["a"], length=1, temperature=1.0, generator=seeded(0))


@pytest.mark.parametrize("temperature", [None, 1.0])
def test_a_diverged_model_says_so(temperature: float | None) -> None:
    made = biased([float("nan")] + [0.0] * 8)
    with pytest.raises(InputError, match="diverged"):
        list(generate(made, LETTERS, "a", length=1, temperature=temperature, generator=seeded(0)))
