"""Loading a user's own cell from a file."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from unrolled import nn
from unrolled.errors import UnknownName, UserCodeError

CELL = """
import torch

class MyCell(torch.nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.hidden_size = hidden_size
        self.mix = torch.nn.Linear(input_size + hidden_size, hidden_size)

    def forward(self, x_t, state):
        return torch.tanh(self.mix(torch.cat([x_t, state], -1)))

class NeedsMore(torch.nn.Module):
    def __init__(self, input_size, hidden_size, heads):
        super().__init__()

class Lazy(MyCell):
    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.mix = torch.nn.LazyLinear(hidden_size)

class Meta(MyCell):
    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.to("meta")

NOT_A_CELL = 3
"""


@pytest.fixture
def cell_file(tmp_path: Path) -> Path:
    path = tmp_path / "my_cells.py"
    path.write_text(CELL)
    return path


def test_a_cell_from_a_file_becomes_a_stacked_layer(cell_file: Path) -> None:
    layer = nn.load_user_layer(f"{cell_file}:MyCell", 3, 5, num_layers=2)
    out, state = layer(torch.randn(4, 2, 3))
    assert out.shape == (4, 2, 5)
    assert state.shape == (2, 2, 5)


def test_the_hash_is_the_files(cell_file: Path) -> None:
    cell = f"{cell_file}:MyCell"
    sha256 = nn.user_cell_sha256(cell)
    nn.load_user_cell(cell, sha256=sha256)
    cell_file.write_text(CELL + "\n# changed")
    assert nn.user_cell_sha256(cell) != sha256
    with pytest.raises(UserCodeError, match="has changed since the run was made"):
        nn.load_user_cell(cell, sha256=sha256)


@pytest.mark.parametrize(
    ("name", "error", "says"),
    [
        ("MyCel", UnknownName, "did you mean 'MyCell'"),
        ("NOT_A_CELL", UserCodeError, "is of type int"),
        ("NeedsMore", UserCodeError, r"cannot be built as NeedsMore\(3, 5\)"),
        ("Lazy", UserCodeError, "has no values for its weight 'mix.weight' when it is built"),
        ("Meta", UserCodeError, "has no values for its weight 'mix.weight'"),
        ("no name", UserCodeError, "names no cell"),
    ],
)
def test_what_is_no_cell_is_said(cell_file: Path, name: str, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        nn.load_user_layer(f"{cell_file}:{name}", 3, 5)


@pytest.mark.parametrize("code", ["raise RuntimeError('boom')", "import sys; sys.exit(0)", "def ("])
def test_a_file_that_fails_is_said_in_one_line(tmp_path: Path, code: str) -> None:
    path = tmp_path / "broken.py"
    path.write_text(code)
    with pytest.raises(UserCodeError, match="cannot be run") as caught:
        nn.load_user_cell(f"{path}:MyCell")
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserCodeError, match="no file"):
        nn.load_user_cell(f"{tmp_path / 'none.py'}:MyCell")
