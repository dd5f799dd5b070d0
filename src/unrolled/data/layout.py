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

    Attributes:
        codes: the text.
        starts, lengths: of every window, ``[W]``.
        fresh: whether a document begins there, ``[W]``.
        window: T.
        rows: B.
        columns: batches in a pass, ⌈W/B⌉; rows that have no window left are padding.
    """

    codes: Tensor = field(repr=False)
    starts: Tensor = field(repr=False)
    lengths: Tensor = field(repr=False)
    fresh: Tensor = field(repr=False)
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
        spans = bounds.diff()
        counts = 1 + ((spans - first).clamp(min=0) + window - 1) // window
        document = torch.repeat_interleave(torch.arange(len(spans)), counts)
        place = torch.arange(len(document)) - (counts.cumsum(0) - counts)[document]  # of a window in its document
        offsets = torch.where(place == 0, 0, first + (place - 1) * window)
        widths = torch.where(place == 0, first, window)
        return cls(
            codes=codes,
            starts=bounds[document] + offsets,
            lengths=torch.minimum(widths, spans[document] - offsets),
            fresh=place == 0,
            window=window,
            rows=rows,
            columns=-(-len(document) // rows),
        )

    def column(self, index: int, warm: int = 0) -> Batch:
        """A batch of the pass.

        Args:
            index: 0 … columns − 1; below 0 the windows before those of column 0, in which nothing is asked.
            warm: how many columns below 0 there are; the first of them is the one that begins fresh.
        """
        windows = torch.arange(self.rows) * self.columns + index
        there = (windows >= 0) & (windows < len(self.starts))
        windows = windows.clamp(0, len(self.starts) - 1)
        lengths = torch.where(there, self.lengths[windows], _NOTHING)
        steps = torch.arange(self.window + 1).unsqueeze(1)
        inside = steps[:-1] < lengths
        places = (self.starts[windows] + steps).clamp(max=len(self.codes) - 1)
        codes = self.codes[places].to(torch.int64)
        asked = inside if index >= 0 else torch.zeros_like(inside)
        fresh = self.fresh[windows] | (index == -warm) | ~there
        return Batch(
            inputs=torch.where(inside, codes[:-1], 0),
            targets=torch.where(asked, codes[1:], IGNORED),
            fresh=fresh,
        )
