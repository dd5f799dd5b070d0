"""A stretch of text laid out as rows that go on where they end, for a state that is carried from window to window."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, final

import torch
from torch import Tensor

from unrolled.data.task import IGNORED, Batch

__all__ = ["Layout"]

_NOTHING: Final = 0


@final
@dataclass(frozen=True, eq=False)
class Layout:
    """Every document cut into windows of T, the windows dealt to B rows in order.

    ::

        documents   |a b c d e|f g h i j k l m|        T = 4, B = 2
        windows     abcd e··· | fghi jklm              · is padding, after which the state is not used
        row 0       abcd e···                          column 0, 1, …: the batches of one pass
        row 1       fghi jklm

    A column is a batch: row b of it goes on where row b of the column before it ended, and begins from zero (it
    is *fresh*) where a document begins, and in column 0. What is asked after each symbol is the next one of the text,
    also at a document's end; in the padding nothing is asked (`IGNORED`). Padding comes last in a window and a
    document begins in the next, so no state that has read padding is carried on.

    What is kept grows with the number D of documents, not with the text.

    Attributes:
        codes: the text.
        bounds: where the documents begin, and where the last one ends, ``[D + 1]``.
        until: how many windows there are up to each document's end, ``[D]``; the last of them is W.
        first: length of every document's first window.
        window: T.
        rows: B.
        columns: batches in a pass, ⌈W/B⌉; rows that have no window left are padding.
    """

    codes: Tensor = field(repr=False)
    bounds: Tensor = field(repr=False)
    until: Tensor = field(repr=False)
    first: int
    window: int
    rows: int
    columns: int

    @classmethod
    def of(
        cls,
        codes: Tensor,
        documents: tuple[int, ...],
        *,
        begin: int,
        end: int,
        window: int,
        rows: int,
        first: int | None = None,
    ) -> Layout:
        """Lay out the symbols ``begin`` … ``end`` − 1 as inputs; the answer to the last is at ``end``.

        Args:
            codes: the whole text, integers ``[N]``.
            documents: where documents begin in it.
            begin: the first input.
            end: the first that is no input, below N.
            window: T.
            rows: B.
            first: length of every document's first window, 1 to T (None: T); it moves all windows after it.
        """
        first = window if first is None else first
        bounds = torch.tensor([begin, *(d for d in documents if begin < d < end), end])
        until = (1 + ((bounds.diff() - first).clamp(min=0) + window - 1) // window).cumsum(0)
        columns = -(-int(until[-1]) // rows)
        return cls(codes=codes, bounds=bounds, until=until, first=first, window=window, rows=rows, columns=columns)

    def column(self, index: int, warm: int = 0) -> Batch:
        """A batch of the pass.

        Args:
            index: 0 … columns − 1; below 0 the windows before those of column 0, in which nothing is asked.
            warm: how many columns below 0 there are; the first of them is the one that begins fresh.
        """
        windows = torch.arange(self.rows) * self.columns + index
        there = (windows >= 0) & (windows < self.until[-1])
        starts, lengths, fresh = self._windows(windows.clamp(0, int(self.until[-1]) - 1))
        steps = torch.arange(self.window + 1).unsqueeze(1)
        inside = steps[:-1] < torch.where(there, lengths, _NOTHING)
        codes = self.codes[(starts + steps).clamp(max=len(self.codes) - 1)].to(torch.int64)
        asked = inside if index >= 0 else torch.zeros_like(inside)
        return Batch(
            inputs=torch.where(inside, codes[:-1], 0),
            targets=torch.where(asked, codes[1:], IGNORED),
            fresh=fresh | (index == -warm) | ~there,
        )

    def _windows(self, numbers: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Where windows begin, how long they are, and whether a document begins there, by their numbers."""
        document = torch.searchsorted(self.until, numbers, right=True)
        place = numbers - torch.where(document > 0, self.until[document - 1], 0)  # of a window in its document
        is_first = place == 0
        starts = self.bounds[document] + torch.where(is_first, 0, self.first + (place - 1) * self.window)
        widths = torch.where(is_first, self.first, self.window)
        return starts, torch.minimum(widths, self.bounds[document + 1] - starts), is_first
