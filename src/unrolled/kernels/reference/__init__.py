"""The specification: every cell's equation in plain torch, one a file, and the loop that unrolls it."""

from unrolled.kernels.reference.cell import Cell, Hidden, HiddenMemory, State, Weights
from unrolled.kernels.reference.full_peephole import FULL_PEEPHOLE
from unrolled.kernels.reference.gconv_gru import GCONV_GRU
from unrolled.kernels.reference.gconv_lstm import GCONV_LSTM
from unrolled.kernels.reference.gconv_rnn import GCONV_RNN
from unrolled.kernels.reference.graph_cell import GraphCell
from unrolled.kernels.reference.gru import RESET_AFTER, RESET_BEFORE
from unrolled.kernels.reference.lstm import LSTM
from unrolled.kernels.reference.peephole import PEEPHOLE
from unrolled.kernels.reference.rnn import RELU, TANH
from unrolled.kernels.reference.unroll import Unrolled, unroll

__all__ = [
    "FULL_PEEPHOLE",
    "GCONV_GRU",
    "GCONV_LSTM",
    "GCONV_RNN",
    "LSTM",
    "PEEPHOLE",
    "RELU",
    "RESET_AFTER",
    "RESET_BEFORE",
    "TANH",
    "Cell",
    "GraphCell",
    "Hidden",
    "HiddenMemory",
    "State",
    "Unrolled",
    "Weights",
    "unroll",
]
