"""Names that a run gets when its user does not care."""

from __future__ import annotations

import pytest

from unrolled.cli.names import default_name
from unrolled.errors import SpecError
from unrolled.spec import default_spec
from unrolled.training.ledger import require_name


@pytest.mark.parametrize(
    ("task", "changes", "name"),
    [
        ("palindromes", {"length": 20, "cell": "rnn", "seed": 5}, "palindromes-rnn-20-seed5"),
        ("binary-palindromes", {"cell": "full-peephole"}, "binary-palindromes-full-peephole-10-seed0"),
        ("random-combinations", {"size": 6}, "random-combinations-lstm-6-seed0"),
        ("baum-sweet", {"digits": 5}, "baum-sweet-lstm-5-seed0"),
        ("text", {"source": "grimm"}, "text-lstm-grimm-seed0"),
        ("text", {"source": "../My Novel (2).txt"}, "text-lstm-my-novel-2-seed0"),
        ("text", {"source": "Ωδή.txt"}, "text-lstm-x-seed0"),
        ("palindromes", {"cell": "some/file.py:MyCell"}, "palindromes-mycell-10-seed0"),
    ],
)
def test_default_names(task: str, changes: dict[str, object], name: str) -> None:
    assert default_name(default_spec(task, **changes)) == name


def test_a_refused_name_is_told_what_would_do() -> None:
    for name in ("_x", "(x)", " x", "é" * 100):
        require_name(name)
    told = (
        r"give 1 to 200 bytes of printable characters that do not begin with \. - or ~ and do not end with \. or a sp"
    )
    for name in ("", ".x", "-x", "~x", "x.", "x ", "é" * 101, "a\tb", "\udc80"):
        with pytest.raises(SpecError, match=told):
            require_name(name)
