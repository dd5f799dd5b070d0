"""The quick way through a spec's lines means what YAML means, or does not take them."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from unrolled.spec import TASKS, default_spec, dump_yaml
from unrolled.spec.files import _plain, _StrictLoader

WORDS = [
    "1",
    "-3",
    "1e-3",
    "0.5",
    ".5",
    "true",
    "no",
    "null",
    "~",
    "one-hot",
    "1_0",
    "0x1f",
    "010",
    "5:50",
    "'7'",
    "-",
    "---",
]
LINES = st.lists(
    st.builds(
        lambda indent, key, word: f"{indent}{key}:{word}",
        st.sampled_from(["", "  ", "   "]),
        st.sampled_from(["task", "model", "a", "b_1", "no", "null", "1"]),
        st.sampled_from(
            ["", *(f" {word}" for word in WORDS), " 2001-01-01", " [1, 2]", " # none", " a b", " &x 1", " "]
        ),
    ),
    max_size=6,
)


@pytest.mark.parametrize("task", TASKS)
def test_specs_go_the_quick_way(task: str) -> None:
    spec = default_spec(task, seed=12, learning_rate=1e-05)
    assert _plain(dump_yaml(spec)) == spec.to_mapping()


@given(LINES)
def test_the_quick_way_is_yamls(lines: list[str]) -> None:
    text = "\n".join(lines) + "\n"
    plain = _plain(text)
    if plain is not None:
        whole = yaml.load(text, Loader=_StrictLoader)
        assert plain == whole
        assert repr(plain) == repr(whole)
