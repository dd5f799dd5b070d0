"""Which way a range runs: one way for a whole formula, told by its bounds."""

from __future__ import annotations

import pytest

from unrolled.derivation import MODELS, check
from unrolled.derivation import expression as e
from unrolled.derivation.comparison import Target
from unrolled.derivation.directions import directed
from unrolled.derivation.expression import write
from unrolled.derivation.grammar import parse


def _read(text: str) -> tuple[tuple[bool, ...], int]:
    """(which of its ranges run down, how many are undecided)."""
    about = MODELS["rnn"]
    (statement,) = parse(text, about.vocabulary)
    assert statement.left is not None
    read = directed(statement.right, Target(statement.left, about.instances()))
    assert write(read.formula) == write(statement.right)
    ranges = [part for part in e.parts(read.formula) if isinstance(part, e.Over)]
    return tuple(over.descending for over in ranges), len(read.undecided)


@pytest.mark.parametrize(
    ("left", "bounds", "down"),
    [
        ("dh[t]/dh[k]", "t..k+1", True),
        ("dh[t]/dh[k]", "k+1..t", False),
        ("dh[t]/dh[k]", "t..k", True),
        ("dh[t]/dh[k]", "k..t", False),
        ("dh[t]/dh[k]", "t..k+2", True),
        ("dh[t]/dh[k]", "k+2..t", False),
        ("dh[t]/dh[t-1]", "t-1..t", False),
        ("dh[t]/dh[t-1]", "t..t", False),
        ("dh[T]/dh[k]", "T..k+1", True),
        ("dh[T]/dh[k]", "k+1..T", False),
        ("dh[T]/dh[k]", "T-k..1", True),
        ("dL/dh[t]", "T..t+1", True),
        ("dL/dh[t]", "t+1..T", False),
        ("dL/dW_hh", "T-1..1", True),
        ("dL/dW_hh", "1..T-1", False),
        ("dL/dW_hh", "3..1", True),
    ],
)
@pytest.mark.parametrize("kind", ["prod", "sum"])
def test_the_bounds_tell(kind: str, left: str, bounds: str, down: bool) -> None:
    assert _read(f"{left} = {kind}(j={bounds}, W_hh)") == ((down,), 0)


def test_a_range_inside_another_is_read_over_the_outer_ones_steps() -> None:
    assert _read("dL/dW_hh = sum(k=T..1, prod(j=T-1..k, W_hh) prod(j=k..T-1, W_hh))") == ((True, True, False), 0)


@pytest.mark.parametrize(("left", "bounds"), [("dh[2]", "2..k+1"), ("dh[2]", "k+1..2"), ("dh[4]", "k..4-k")])
def test_bounds_that_do_not_tell_are_tried_both_ways_and_said_to_be_so(left: str, bounds: str) -> None:
    text = f"{left}/dh[k] = prod(j={bounds}, W_hh)"
    assert _read(text) == ((False,), 1)
    (line,) = check(text).checks
    said = f"the bounds of prod(j={bounds}, W_hh) do not tell which way it runs: it was read upwards"
    assert f"{said}, and is not right the other way" in line.findings


def test_a_definitions_bounds_that_do_not_tell_are_said_where_a_line_is_wrong() -> None:
    (line,) = check("e[k] = prod(j=3..k, diag(1-h[j]^2)); dL/dh[k] = e[k] delta[k]").checks
    assert any("prod(j=3..k, diag(1 - h[j]^2)) do not tell which way" in finding for finding in line.findings)


def test_an_empty_product_is_one_either_way() -> None:
    assert check("dh[t]/dh[t] = prod(j=t+1..t, W_hh)").equal


def test_what_would_be_empty_everywhere_upwards_goes_down() -> None:
    assert _read("dh[t]/dh[t-2] = prod(j=t..t-1, W_hh)") == ((True,), 1)
    (line,) = check("dh[t]/dh[t-2] = prod(j=t..t-1, W_hh)").checks
    assert any("should be prod(j=t..t-1, diag(1 - h[j]^2) W_hh)" in finding for finding in line.findings)
