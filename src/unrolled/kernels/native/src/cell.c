/* The table of cells. */
#include "cell.h"

const struct cell *cell_of(int64_t kind) {
    static const struct cell *const cells[CELL_KINDS] = {
        [RNN_TANH] = &cell_rnn_tanh,
        [RNN_RELU] = &cell_rnn_relu,
        [GRU] = &cell_gru,
        [GRU_RESET_BEFORE] = &cell_gru_reset_before,
        [LSTM] = &cell_lstm,
        [PEEPHOLE_LSTM] = &cell_peephole_lstm,
        [FULL_PEEPHOLE_LSTM] = &cell_full_peephole_lstm,
    };
    return kind >= 0 && kind < CELL_KINDS ? cells[kind] : NULL;
}
