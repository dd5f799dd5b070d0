"""What the program ends with, besides 0."""

from __future__ import annotations

from typing import Final

__all__ = ["BROKEN_PIPE", "FAILED", "INTERRUPTED", "MISTAKE"]

FAILED: Final = 1
"""It ran to its end, and something of what was asked did not come out."""
MISTAKE: Final = 2
"""The user's, told in one line."""
INTERRUPTED: Final = 130
"""By Ctrl-C."""
BROKEN_PIPE: Final = 141
"""Nobody reads the output any more."""
