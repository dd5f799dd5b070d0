"""What can be read, what is refused, and that nothing is ever run."""

from __future__ import annotations

import contextlib
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.derivation.gallery import RIGHT, WRONG

from unrolled.derivation import MODELS, check
from unrolled.derivation.expression import write
from unrolled.derivation.grammar import parse
from unrolled.errors import FormulaError, UnknownName

RNN = MODELS["rnn"].vocabulary


@pytest.mark.parametrize(("model", "text"), [*RIGHT, *((wrong.model, wrong.text) for wrong in WRONG)])
def test_what_is_written_reads_back(model: str, text: str) -> None:
    vocabulary = MODELS[model].vocabulary
    for statement in parse(text, vocabulary):
        if "\n" in text or ";" in text:
            continue  # names that only the whole text defines
        assert statement.left is not None
        line = f"{write(statement.left)} = {write(statement.right)}"
        assert parse(line, vocabulary) == (statement,)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("h_{t-1}", "h[t-1]"),
        ("h_T^T", "h[T]^T"),
        (r"W_{hh}^{\top} \delta_k", "W_hh^T delta[k]"),
        ("Σ_{k=1}^{T} δ_k", "sum(k=1..T, delta[k])"),
        ("sum[k=1..T] delta[k]", "sum(k=1..T, delta[k])"),
        ("sum(k, 1, T, delta[k])", "sum(k=1..T, delta[k])"),
        ("a[t] .* h[t]", "a[t] ⊙ h[t]"),
        (r"\tanh(a_t) \odot h_t", "tanh(a[t]) ⊙ h[t]"),
        ("W_hh.T h[1]", "W_hh' h[1]"),
        ("h[1]**2", "h_1²"),
        (r"\frac{y}{\hat{y}}", "y / yhat"),
        ("a ⊗ b".replace("a", "h[1]").replace("b", "x[1]"), "outer(h[1], x[1])"),
    ],
)
def test_spellings_of_one_thing(one: str, other: str) -> None:
    assert parse(one, RNN) == parse(other, RNN)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "there is no formula"),
        ("dL/dW_hh = ", "the formula ends at character"),
        ("dL/dW_hh = (yhat - y", "where ')' is wanted"),
        ("dL/dW_hh = h[t].__class__", "there are no attributes"),
        ("dL/dW_hh = __import__('os').system('ls')", "there are no attributes"),
        ("dL/dW_hh = __builtins__", "there is '_' at character"),
        ("dL/dW_hh = W_hh.data", "there are no attributes"),
        ("dL/dW_hh = lambda: 0", "where"),
        ("dL/dW_hh = exec(y)", "no quantity 'exec'"),
        ("dL/dW_hh = wibble h[T]", "no quantity 'wibble'"),
        ("dL/dW_hh = W_hy h[T]", "did you mean"),
        ("dL/dW_hh = \\input{/etc/passwd}", "not LaTeX that can be read"),
        ("dL/dW_hh = diag(h[1], h[2])", "diag takes 1"),
        ("dL/dW_hh = sum(k=1..1000000000, h[k])", "a range of 1000000000 terms"),
        ("dL/dW_hh = W_hh^999999", "a power of 999999"),
        ("dL/dW_hh = W_hh^(9^9^9)", "no step"),
        ("dL/dW_hh = h", "h has a value at every step"),
        ("dL/dW_hh = dL/dW_hh", "stands on both sides"),
        ("dL/dwibble = y", "no quantity"),
        ("dL/dy = y", "nothing to differentiate"),
        ("yhat - y", "has no left side"),
        ("e[t] = e[t]; dL/dh[t] = e[t]", "is defined by itself"),
        ("e[t] = e[t+1]; dL/dh[t] = e[t]", "too deep"),
        ("(" * 200 + "y" + ")" * 200, "nested more than"),
        ("y" + " y" * 4000, "words"),
        ("y " * 500_000, "characters"),
        ("sum(a=1..60, sum(b=1..60, sum(c=1..60, sum(d=1..60, y))))", "left side"),
        ("dL/dp = sum(a=1..60, sum(b=1..60, sum(c=1..60, sum(e=1..60, y))))", "too long"),
        ("dL/dp = \x00", "no part of a formula"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_refused_at_once_in_one_line(text: str, expected: str) -> None:
    began = time.process_time()
    with pytest.raises(FormulaError) as refused:
        check(text)
    assert expected in str(refused.value) and "\n" not in str(refused.value)
    assert time.process_time() - began < 5  # the second, and room for a busy machine


def test_an_unknown_model_is_named() -> None:
    with pytest.raises(UnknownName, match="did you mean 'lstm'"):
        check("dL/dp = y", "lstn")


WORDS = [*"()[]{}^_=+-*/.,'\\ ;TkthyWdLp01", "sum", "prod", "diag", "delta", "∂", "⊙", "h[t]", "1..T", "\\frac"]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=40).map("".join))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(FormulaError):
        parse(text, RNN)
