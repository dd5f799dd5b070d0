"""The same equations at speed, in torch: one input product, gates in place, a backward pass by hand."""

from unrolled.kernels.eager.full_peephole import FULL_PEEPHOLE
from unrolled.kernels.eager.gru import RESET_AFTER
from unrolled.kernels.eager.gru_reset_before import RESET_BEFORE
from unrolled.kernels.eager.lstm import LSTM
from unrolled.kernels.eager.rnn import RELU, TANH
from unrolled.kernels.implementation import Implementation

__all__ = ["IMPLEMENTATIONS"]

IMPLEMENTATIONS: dict[str, Implementation] = {
    "rnn-tanh": TANH,
    "rnn-relu": RELU,
    "gru": RESET_AFTER,
    "gru-reset-before": RESET_BEFORE,
    "lstm": LSTM,
    "peephole": LSTM,
    "full-peephole": FULL_PEEPHOLE,
}
