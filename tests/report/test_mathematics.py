"""Indices low, powers high, names untouched, nothing unescaped."""

from __future__ import annotations

import pytest

from unrolled.report.mathematics import formula


@pytest.mark.parametrize(
    ("plain", "html"),
    [
        ("h_t", "h<sub>t</sub>"),
        ("∂L_T/∂W_hh", "∂L<sub>T</sub>/∂W<sub>hh</sub>"),
        ("h_{k-1}ᵀ", "h<sub>k-1</sub>ᵀ"),
        ("h_k²", "h<sub>k</sub>²"),
        ("10^-28", "10<sup>−28</sup>"),
        ("10^6.3 at 2", "10<sup>6.3</sup> at 2"),
        ("(W_hhᵀ)^{T-1}", "(W<sub>hh</sub>ᵀ)<sup>T−1</sup>"),
        ("my_cell and palindromes_rnn", "my_cell and palindromes_rnn"),
        ("x_long", "x_long"),
        ("<i> & h_t", "&lt;i&gt; &amp; h<sub>t</sub>"),
    ],
)
def test_formula(plain: str, html: str) -> None:
    assert formula(plain) == html
