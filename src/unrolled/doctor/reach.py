"""Which input reaches which output, found by changing one input at a time: no gradient, no reference."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from unrolled.doctor.calling import Seen, Subject

__all__ = ["Reach", "both_ways", "measure"]

_RELATIVE = 1e-7


@dataclass(frozen=True, eq=False)
class Reach:
    """How far every output moves when one input is changed, relative to the outputs' own size.

    Attributes:
        moved: [T,B,T',B] for a form "steps", [T,B,B] for "last": input step and row, output step and row.
        form: of the outputs.
    """

    moved: Tensor
    form: str

    @property
    def felt(self) -> Tensor:
        """Above rounding, bool."""
        return self.moved > _RELATIVE

    def across_rows(self) -> Tensor:
        """Input row → output row, the largest movement of another row: [B,B]."""
        by_rows = self.moved.amax((0, 2)) if self.form == "steps" else self.moved.amax(0)
        return by_rows.masked_fill(torch.eye(by_rows.shape[0], dtype=torch.bool), 0)

    def in_row(self) -> Tensor:
        """The largest movement in the changed row itself: [T,T'] or [T]."""
        if self.form == "steps":
            return self.moved.diagonal(dim1=1, dim2=3).amax(-1)
        return self.moved.diagonal(dim1=1, dim2=2).amax(-1)

    @property
    def leaks(self) -> bool:
        """Rows of the batch meet."""
        return bool((self.across_rows() > _RELATIVE).any())

    @property
    def recurs(self) -> bool:
        """An earlier step reaches a later output in its own row."""
        row = self.in_row() > _RELATIVE
        if self.form == "steps":
            return bool(row.triu(1).any() or row.tril(-2).any())
        return int(row.sum()) > 1

    @property
    def causal(self) -> bool:
        """No step reaches an earlier output in its own row."""
        return self.form == "last" or not bool((self.in_row() > _RELATIVE).tril(-1).any())

    @property
    def rows_in_turn(self) -> bool:
        """Rows reach later rows only, as steps of a sequence would."""
        felt = self.across_rows() > _RELATIVE
        return bool(felt.any()) and (not bool(felt.tril(-1).any()) or not bool(felt.triu(1).any()))


def measure(subject: Subject, seed: int = 5) -> Reach:
    """Change each step of each row of one input.

    Raises:
        Exception: whatever the module's own code raises.
    """
    x = subject.input(seed)
    before = subject.value(x)
    moved = []
    for t in range(x.shape[0]):
        for b in range(x.shape[1]):
            changed = x.clone()
            changed[t, b] = (x[t, b] + 1) % subject.symbols() if subject.call.coding == "token" else x[t, b] + 1.3
            moved.append(_distance(subject.value(changed), before))
    return Reach(torch.stack(moved).reshape(*x.shape[:2], *moved[0].shape), before.form)


def both_ways(subject: Subject) -> bool:
    """Whether it is bidirectional: it says so, or half of its outputs see no later step and half no earlier one."""
    if any(getattr(module, "bidirectional", False) is True for module in subject.module.modules()):
        return True
    x = subject.input(5)
    before = subject.value(x)
    if before.form == "last" or before.main.shape[::2] != (subject.sizes.T, 2 * subject.sizes.H):
        return False
    moved = []
    for t in range(x.shape[0]):
        changed = x.clone()
        changed[t] = (x[t] + 1) % subject.symbols() if subject.call.coding == "token" else x[t] + 1.3
        moved.append((subject.value(changed).main - before.main).abs().amax(1))
    felt = torch.stack(moved) > _RELATIVE * before.main.abs().amax().clamp(min=1e-3)  # [T,T,2H]
    halves = [half.any(-1) for half in felt.chunk(2, -1)]
    later, earlier = ([bool(half.triu(1).any()) for half in halves], [bool(half.tril(-1).any()) for half in halves])
    return sorted(zip(later, earlier, strict=True)) == [(False, True), (True, False)]


def _distance(after: Seen, before: Seen) -> Tensor:
    scale = before.main.abs().amax().clamp(min=1e-3)
    return ((after.main - before.main).abs().amax(-1) / scale).double().nan_to_num(1.0)
