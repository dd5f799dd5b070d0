from __future__ import annotations

import pytest
import torch

from unrolled.errors import UserCodeError
from unrolled.kernels.reference import HiddenMemory
from unrolled.nn import states


def test_some_rows_begin_from_zero() -> None:
    hidden, memory = torch.ones(2, 3, 4), torch.full((2, 3, 4), torch.nan)
    rows = torch.tensor([True, False, True])
    h, c = states.zero_rows(HiddenMemory(hidden, memory), rows)
    assert h[:, :, 0].tolist() == [[0, 1, 0]] * 2
    assert bool((c[:, [0, 2]] == 0).all())  # a nan is no zero times anything
    assert states.zero_rows(None, rows) is None
    with pytest.raises(UserCodeError, match=r"\[..., B, H\] with B = 3, but has shape \[3\]"):
        states.zero_rows(torch.ones(3), rows)
    with pytest.raises(UserCodeError, match="not str"):
        states.zero_rows("state", rows)


@pytest.mark.parametrize(
    "state",
    [
        None,
        torch.ones(1, 2, 3),
        (torch.ones(1, 2, 3), torch.zeros(1, 2, 3)),
        {"a": (torch.ones(2, 3),), "b": torch.ones(2, 1)},
    ],
)
def test_a_state_survives_its_tensors(state: object) -> None:
    tensors = states.to_tensors(state)
    again = states.from_tensors(tensors)
    assert states.to_tensors(again).keys() == tensors.keys()
    assert type(again) is type(state)


def test_no_gradient_goes_through() -> None:
    weight = torch.ones(1, 2, 3, requires_grad=True)
    assert not states.detach((weight * 2,))[0].requires_grad
