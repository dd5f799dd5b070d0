"""Right derivations are found right, wrong ones wrong, and the fault is said."""

from __future__ import annotations

import pytest
from tests.derivation.gallery import RIGHT, WRONG, Wrong

from unrolled.derivation import EXAMPLES, MODELS, check
from unrolled.derivation.examples import Example
from unrolled.errors import InputError


@pytest.mark.parametrize(("model", "text"), RIGHT)
def test_right(model: str, text: str) -> None:
    verdict = check(text, model)
    assert verdict.equal, verdict
    assert not any(line.findings for line in verdict.checks)


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.text[:40])
def test_wrong_and_why(wrong: Wrong) -> None:
    verdict = check(wrong.text, wrong.model)
    assert not verdict.equal
    findings = [finding for line in verdict.checks for finding in line.findings]
    assert not wrong.said or any(wrong.said in finding for finding in findings), findings


@pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES)
def test_the_shipped_ones_are_what_they_are_said_to_be(example: Example) -> None:
    assert check(example.text, example.model).equal == example.right


@pytest.mark.parametrize(
    ("model", "left", "right"), [(m.name, left, right) for m in MODELS.values() for left, right in m.right.items()]
)
def test_the_right_forms_are_right(model: str, left: str, right: str) -> None:
    """What the checker offers in place of a wrong form."""
    verdict = check(f"{left} = {right}", model, seed=3)
    assert verdict.equal and verdict.checks[0].relative_error < 1e-12


def test_report_as_gradient_is_zero_and_misses_its_sum() -> None:
    (line,) = check(EXAMPLES["report-a-W_hh"].text).checks
    assert line.relative_error == 1.0
    assert "identically zero" in line.findings[0] and "h[0] = 0" in line.findings[0]
    assert any("the sum over the steps is missing" in finding for finding in line.findings)


def test_report_bs_terms_are_wrong_one_by_one() -> None:
    (line,) = check(EXAMPLES["report-b-W_hh"].text).checks
    states = {term.step: term.state for term in line.terms}
    assert states == {1: "equal", 2: "wrong", 3: "wrong", 4: "wrong", 5: "wrong"}  # h_0 = 0 hides the first
    assert all(term.mine is not None for term in line.terms)


def test_a_definition_that_is_wrong_is_blamed_not_the_line_that_uses_it() -> None:
    text = (
        "delta[T] = W_ph^T yhat\ndelta[k-1] = W_hh^T diag(1-h[k]^2) delta[k]\ndL/dx[t] = W_hx^T diag(1-h[t]^2) delta[t]"
    )
    first, second, third = check(text).checks
    assert not first.equal and second.equal and not third.equal
    assert third.findings == ("this line is right once delta is",)


def test_the_same_seed_gives_the_same_verdict() -> None:
    text = EXAMPLES["report-b-W_hh"].text
    assert check(text, seed=1) == check(text, seed=1) != check(text, seed=2)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("dh[t]/dh[k] = prod(j=t..k+1, diag(1-h[j]^2) W_hh)", "t = 0..T, k = 0..T, t ≥ k"),
        ("dh[t]/dh[k] = dh[t]/dh[k+1] diag(1-h[k+1]^2) W_hh", "t = 1..T, k = 0..T-1, t > k"),
        ("dh[t]/dh[k] = dh[t]/dh[k+2] prod(j=k+2..k+1, diag(1-h[j]^2) W_hh)", "t = 2..T, k = 0..3, t ≥ k+2"),
        ("dh[t]/dh[k] = dh[k]/dh[t]", "t = 0..T, k = 0..T, t ≥ k"),
        ("dh[3]/dh[k] = prod(j=3..k+1, diag(1-h[j]^2) W_hh)", "k = 0..3"),
    ],
)
def test_a_jacobian_through_time_is_judged_where_the_one_step_reaches_the_other(text: str, where: str) -> None:
    """And a recurrence where it says something: the identity at t = k is its beginning, not its fault."""
    (line,) = check(text).checks
    assert line.where == where


def test_a_right_form_keeps_its_own_letter_apart_from_theirs() -> None:
    (line,) = check("dh[j]/dh[k] = prod(t=j..k+1, W_hh)").checks
    assert line.right == "dh[j]/dh[k] = prod(l=j..k+1, diag(1 - h[l]^2) W_hh)"
    assert check(line.right).equal


@pytest.mark.parametrize("model", ["rnn", "lstm", "gru"])
def test_a_wrong_jacobian_is_shown_a_right_form(model: str) -> None:
    (line,) = check("dh[s]/dh[k] = prod(j=s..k+1, diag(h[j]))", model).checks
    assert line.right is not None and line.right.startswith("dh[s]/dh[k] = ")
    assert check(line.right, model).equal


@pytest.mark.parametrize("seed", [10**30, 2**63, -1])
def test_a_seed_that_is_none_is_refused_in_one_line(seed: int) -> None:
    with pytest.raises(InputError, match=rf"^seed is {seed}: from 0 to below 2\^63$"):
        check("dL/dp = yhat - y", seed=seed)


def test_the_largest_seed_is_one() -> None:
    assert check("dL/dp = yhat - y", seed=2**63 - 1).equal
