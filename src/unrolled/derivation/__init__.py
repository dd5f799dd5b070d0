"""The derivation checker: a gradient written on paper, compared with autograd.

`check` is the door. A formula is read (`grammar`), evaluated on drawn instances of a model (`evaluation`, `models/`),
compared with autograd (`comparison`, `terms`) and, where it is wrong, explained (`findings`, `edits`, `repair`).
"""

from __future__ import annotations

from unrolled.derivation.examples import EXAMPLES, Example
from unrolled.derivation.models import MODELS
from unrolled.derivation.terms import Term
from unrolled.derivation.verdict import Check, Verdict, check

__all__ = ["EXAMPLES", "MODELS", "Check", "Example", "Term", "Verdict", "check"]
