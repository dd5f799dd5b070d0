"""The specification: every cell's equation in plain torch, one a file, and the loop that unrolls it."""

from unrolled.kernels.reference.cell import Cell, Hidden, HiddenMemory, State, Weights
from unrolled.kernels.reference.full_peephole import FULL_PEEPHOLE
from unrolled.kernels.reference.gru import RESET_AFTER, RESET_BEFORE
from unrolled.kernels.reference.lstm import LSTM
from unrolled.kernels.reference.peephole import PEEPHOLE
from unrolled.kernels.reference.rnn import RELU, TANH
from unrolled.kernels.reference.unroll import Unrolled, unroll

__all__ = [
    "FULL_PEEPHOLE",
    "LSTM",
    "PEEPHOLE",
    "RELU",
    "RESET_AFTER",
    "RESET_BEFORE",
    "TANH",
    "Cell",
    "Hidden",
    "HiddenMemory",
    "State",
    "Unrolled",
    "Weights",
    "unroll",
]
