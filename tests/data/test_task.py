"""Laws of every task, and its baselines against its own draws."""

from __future__ import annotations

import doctest
import importlib
import math

import pytest
import torch

from unrolled.data import (
    TASK_CLASSES,
    Adding,
    BaumSweet,
    BinaryPalindromes,
    Copying,
    Corpus,
    DecimalPalindromes,
    NextCharacter,
    RandomCombinations,
    Task,
)
from unrolled.errors import SpecError, TextError

CORPUS = Corpus.from_text("the quick brown fox jumps over the lazy dog and the dog sleeps on; " * 20)
TASKS = [
    DecimalPalindromes(length=2),
    DecimalPalindromes(length=3),
    DecimalPalindromes(length=10),
    BinaryPalindromes(length=1),
    BinaryPalindromes(length=4),
    BinaryPalindromes(length=7),
    RandomCombinations(size=2),
    RandomCombinations(size=6),
    BaumSweet(digits=2),
    BaumSweet(digits=4),
    BaumSweet(digits=6),
    BaumSweet(digits=18),
    Copying(delay=1),
    Copying(delay=30),
    Adding(length=2),
    Adding(length=7),
    NextCharacter(CORPUS, window=1),
    NextCharacter(CORPUS, window=30),
]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_every_task_of_the_table_is_under_these_laws() -> None:
    assert {type(task) for task in TASKS} == set(TASK_CLASSES.values())
    assert all(cls.name == name for name, cls in TASK_CLASSES.items())


@pytest.mark.parametrize("task", TASKS, ids=repr)
def test_a_batch_has_the_promised_shape_and_range(task: Task) -> None:
    batch = task.sample(65, generator())
    assert batch.inputs.shape == ((task.steps, 65, task.numbers) if task.numbers else (task.steps, 65))
    assert batch.targets.shape in ((65,) if task.answers == 1 else (task.answers, 65), (task.steps, 65))
    assert (task.symbols == 0) == (task.numbers > 0)
    if task.numbers:
        assert batch.inputs.dtype == batch.targets.dtype == torch.float32
        return
    for tensor, size in ((batch.inputs, task.symbols), (batch.targets, task.classes)):
        assert tensor.dtype == torch.int64
        assert tensor.min() >= 0
        assert tensor.max() < size


@pytest.mark.parametrize("task", TASKS, ids=repr)
def test_one_seed_is_one_stream_of_batches(task: Task) -> None:
    def stream(seed: int) -> torch.Tensor:
        source = generator(seed)
        batches = [task.sample(40, source) for _ in range(3)]
        return torch.cat([batch.inputs for batch in batches], dim=1)

    first = stream(7)
    torch.manual_seed(99)  # the global generator must not matter
    assert torch.equal(first, stream(7))
    assert not torch.equal(first, stream(8))
    assert not torch.equal(first[:, :40], first[:, 40:80])


@pytest.mark.parametrize("task", TASKS, ids=repr)
def test_the_best_constant_answer_scores_the_majority(task: Task) -> None:
    targets = task.sample(20_000, generator(3)).targets.flatten()[:20_000]
    if isinstance(task, Adding):  # its constant answers are numbers; its own test draws them
        return
    shares = torch.bincount(targets, minlength=task.classes) / len(targets)
    sigma = math.sqrt(task.majority * (1 - task.majority) / len(targets))
    # one class is the best in truth; the largest of K noisy shares may lie a little higher
    assert -4 * sigma - 1e-9 < float(shares.max()) - task.majority < 5 * sigma + 1e-9
    assert task.chance == 1 / task.classes


@pytest.mark.parametrize("task", TASKS, ids=repr)
def test_describe_is_one_line_with_the_baseline(task: Task) -> None:
    assert "\n" not in task.describe()
    assert f"{task.majority:.3f}" in task.describe()


@pytest.mark.parametrize(
    "module",
    [
        "palindromes",
        "binary_palindromes",
        "combinations",
        "baum_sweet",
        "copying",
        "adding",
        "next_character",
        "vocabulary",
    ],
)
def test_the_worked_example_works(module: str) -> None:
    result = doctest.testmod(importlib.import_module(f"unrolled.data.{module}"))
    assert result.attempted > 0
    assert result.failed == 0


@pytest.mark.parametrize(
    ("cls", "parameter", "least"),
    [
        (DecimalPalindromes, "length", 2),
        (BinaryPalindromes, "length", 1),
        (RandomCombinations, "size", 2),
        (BaumSweet, "digits", 2),
        (Copying, "delay", 1),
        (Adding, "length", 2),
    ],
)
@pytest.mark.parametrize("wrong", [-1, 0, 2.5, "10", None, True])
def test_a_wrong_parameter_is_named(cls: type[Task], parameter: str, least: int, wrong: object) -> None:
    with pytest.raises(SpecError, match=f"^{cls.name}: {parameter} must be .*{least}.*; got ") as caught:
        cls(**{parameter: wrong})
    assert str(wrong) in str(caught.value)
    assert cls(**{parameter: least}).sample(2, generator()).inputs.shape[1] == 2


def test_more_digits_than_fit_are_refused() -> None:
    with pytest.raises(SpecError, match="2 to 18; got 19"):
        BaumSweet(digits=19)


def test_a_window_longer_than_the_text_is_refused_with_both_numbers() -> None:
    corpus = Corpus.from_text("abcdefghij" * 2)
    with pytest.raises(TextError, match=r"18 characters to train on \(of 20\), but a window of 18 needs 19"):
        NextCharacter(corpus, window=18)
    assert NextCharacter(corpus, window=17).sample(3, generator()).inputs.shape == (17, 3)
    with pytest.raises(SpecError, match="window must be 1 or more; got 0"):
        NextCharacter(corpus, window=0)
