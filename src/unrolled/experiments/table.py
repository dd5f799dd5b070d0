"""The table of claims. A new claim is one page and one line here."""

from __future__ import annotations

from collections.abc import Mapping

from unrolled.experiments import (
    binary_palindromes,
    citations,
    course_graphs,
    gates,
    gradients,
    optimisers,
    palindromes,
    reach,
    text,
)
from unrolled.experiments.claim import Claim

__all__ = ["CLAIMS"]

CLAIMS: Mapping[str, Claim] = {
    claim.name: claim
    for claim in (
        palindromes.CLAIM,
        binary_palindromes.CLAIM,
        gradients.CLAIM,
        reach.CLAIM,
        text.CLAIM,
        optimisers.CLAIM,
        gates.CLAIM,
        course_graphs.CLAIM,
        citations.CLAIM,
    )
}
"""Every claim by the name that the command line uses, in the order of the report."""
