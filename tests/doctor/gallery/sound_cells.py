"""Right cells, layers and classifiers in the styles people write them."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn as nn
import torch.nn.functional as F
import torchrecurrent
from torch import Tensor


class CourseLSTM(nn.Module):
    def __init__(self, seq_length, input_dim, num_hidden, num_classes, batch_size, device):
        super().__init__()
        self.seq_length, self.num_hidden, self.device = seq_length, num_hidden, device
        for gate in "gifo":
            for source, size in (("x", input_dim), ("h", num_hidden)):
                weight = torch.empty(num_hidden, size, device=device)
                self.register_parameter(f"W_{gate}{source}", nn.Parameter(nn.init.xavier_normal_(weight)))
            self.register_parameter(f"b_{gate}", nn.Parameter(torch.zeros(num_hidden, 1, device=device)))
        self.W_ph = nn.Parameter(nn.init.xavier_normal_(torch.empty(num_classes, num_hidden, device=device)))
        self.b_p = nn.Parameter(torch.zeros(num_classes, 1, device=device))

    def forward(self, x):
        h = torch.zeros(self.num_hidden, x.shape[0], device=self.device)
        c = torch.zeros(self.num_hidden, x.shape[0], device=self.device)
        for t in range(self.seq_length):
            x_t = x[:, t].T
            g = torch.tanh(self.W_gx @ x_t + self.W_gh @ h + self.b_g)
            i = torch.sigmoid(self.W_ix @ x_t + self.W_ih @ h + self.b_i)
            f = torch.sigmoid(self.W_fx @ x_t + self.W_fh @ h + self.b_f)
            o = torch.sigmoid(self.W_ox @ x_t + self.W_oh @ h + self.b_o)
            c = g * i + c * f
            h = torch.tanh(c) * o
        return (self.W_ph @ h + self.b_p).T


class CourseRNN(nn.Module):
    """digits as numbers, one a step"""

    def __init__(self, seq_length, input_dim, num_hidden, num_classes, batch_size, device="cpu"):
        super().__init__()
        assert input_dim == 1
        self.W_hx = nn.Parameter(nn.init.xavier_uniform_(torch.empty(1, num_hidden)))
        self.W_hh = nn.Parameter(nn.init.orthogonal_(torch.empty(num_hidden, num_hidden)))
        self.W_ph = nn.Parameter(nn.init.xavier_uniform_(torch.empty(num_hidden, num_classes)))
        self.b_h = nn.Parameter(torch.zeros(num_hidden))
        self.b_p = nn.Parameter(torch.zeros(num_classes))
        self.num_hidden, self.seq_length = num_hidden, seq_length

    def forward(self, x):
        h = x.new_zeros(x.shape[0], self.num_hidden)
        for t in range(self.seq_length):
            h = torch.tanh(x[:, t].view(-1, 1) @ self.W_hx + h @ self.W_hh + self.b_h)
        return h @ self.W_ph + self.b_p


class StackedLSTM(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        k = 1 / math.sqrt(hidden_size)
        self.hidden_size = hidden_size
        self.W = nn.Parameter(torch.empty(input_size, 4 * hidden_size).uniform_(-k, k))
        self.U = nn.Parameter(torch.empty(hidden_size, 4 * hidden_size).uniform_(-k, k))
        self.b = nn.Parameter(torch.empty(4 * hidden_size).uniform_(-k, k))

    def forward(self, x, init_states=None):
        """x: (batch, time, input)"""
        bs, T, _ = x.size()
        if init_states is None:
            h_t, c_t = (x.new_zeros(bs, self.hidden_size), x.new_zeros(bs, self.hidden_size))
        else:
            h_t, c_t = init_states
        hidden_seq = []
        HS = self.hidden_size
        for t in range(T):
            gates = x[:, t, :] @ self.W + h_t @ self.U + self.b
            i_t = torch.sigmoid(gates[:, :HS])
            f_t = torch.sigmoid(gates[:, HS : HS * 2])
            g_t = torch.tanh(gates[:, HS * 2 : HS * 3])
            o_t = torch.sigmoid(gates[:, HS * 3 :])
            c_t = f_t * c_t + i_t * g_t
            h_t = o_t * torch.tanh(c_t)
            hidden_seq.append(h_t.unsqueeze(0))
        hidden_seq = torch.cat(hidden_seq, dim=0).transpose(0, 1).contiguous()
        return hidden_seq, (h_t, c_t)


class EinsumLSTM(nn.Module):
    def __init__(self, d_in, d_hidden):
        super().__init__()
        self.w_x = nn.Parameter(torch.randn(4, d_hidden, d_in) * d_in**-0.5)
        self.w_h = nn.Parameter(torch.randn(4, d_hidden, d_hidden) * d_hidden**-0.5)
        self.bias = nn.Parameter(torch.zeros(4, d_hidden))
        with torch.no_grad():
            self.bias[0] = 1.0

    def forward(self, xs):
        h = c = xs.new_zeros(xs.shape[1], self.w_h.shape[1])
        hs = []
        drive = torch.einsum("kij,tbj->tkbi", self.w_x, xs) + self.bias[:, None]
        for a in drive:
            f, i, o, g = a + torch.einsum("kij,bj->kbi", self.w_h, h)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = o.sigmoid() * c.tanh()
            hs.append(h)
        return torch.stack(hs), (h.unsqueeze(0), c.unsqueeze(0))


class LinearLSTMCell(nn.Module):
    def __init__(self, input_size: int, hidden_size: int):
        super().__init__()
        self.forget_gate = nn.Linear(input_size + hidden_size, hidden_size)
        self.input_gate = nn.Linear(input_size + hidden_size, hidden_size)
        self.candidate = nn.Linear(input_size + hidden_size, hidden_size)
        self.output_gate = nn.Linear(input_size + hidden_size, hidden_size)
        nn.init.ones_(self.forget_gate.bias)

    def forward(self, x, h, c):
        hx = torch.cat([h, x], dim=-1)
        forget = torch.sigmoid(self.forget_gate(hx))
        write = torch.sigmoid(self.input_gate(hx))
        c = forget * c + write * torch.tanh(self.candidate(hx))
        return torch.sigmoid(self.output_gate(hx)) * torch.tanh(c), c


class JitCell(torch.jit.ScriptModule):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.weight_ih = nn.Parameter(torch.randn(4 * hidden_size, input_size) * 0.1)
        self.weight_hh = nn.Parameter(torch.randn(4 * hidden_size, hidden_size) * 0.1)
        self.bias_ih = nn.Parameter(torch.zeros(4 * hidden_size))
        self.bias_hh = nn.Parameter(torch.zeros(4 * hidden_size))

    @torch.jit.script_method
    def forward(self, input: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        hx, cx = state
        gates = torch.mm(input, self.weight_ih.t()) + self.bias_ih + torch.mm(hx, self.weight_hh.t()) + self.bias_hh
        ingate, forgetgate, cellgate, outgate = gates.chunk(4, 1)
        ingate = torch.sigmoid(ingate)
        forgetgate = torch.sigmoid(forgetgate)
        cellgate = torch.tanh(cellgate)
        outgate = torch.sigmoid(outgate)
        cy = (forgetgate * cx) + (ingate * cellgate)
        hy = outgate * torch.tanh(cy)
        return hy, (hy, cy)


class TextModel(nn.Module):
    def __init__(self, batch_size, seq_length, vocabulary_size, lstm_num_hidden=256, lstm_num_layers=2, device="cpu"):
        super().__init__()
        self.embed = nn.Embedding(vocabulary_size, 8)
        self.lstm = nn.LSTM(8, lstm_num_hidden, lstm_num_layers)
        self.head = nn.Linear(lstm_num_hidden, vocabulary_size)

    def forward(self, x, state=None):
        out, state = self.lstm(self.embed(x), state)
        return self.head(out), state


class OneHotGRU(nn.Module):
    def __init__(self, vocab_size, hidden_size):
        super().__init__()
        self.vocab_size = vocab_size
        self.gru = nn.GRU(vocab_size, hidden_size, batch_first=True)
        self.out = nn.Linear(hidden_size, vocab_size)

    def forward(self, tokens):
        x = F.one_hot(tokens, self.vocab_size).to(self.out.weight.dtype)
        y, _ = self.gru(x)
        return F.log_softmax(self.out(y), dim=-1)


class BatchFirstClassifier(nn.Module):
    def __init__(self, input_size, hidden_size, num_classes, dropout=0.2):
        super().__init__()
        self.lstm = nn.LSTM(input_size, hidden_size, batch_first=True)
        self.drop = nn.Dropout(dropout)
        self.fc = nn.Linear(hidden_size, num_classes)

    def forward(self, x):
        out, (h, c) = self.lstm(x)
        return self.fc(self.drop(h[-1]))


class SplitGRU(nn.Module):
    """torch's form by hand"""

    def __init__(self, n_inputs, n_units):
        super().__init__()
        s = n_units**-0.5
        make = lambda *shape: nn.Parameter(torch.empty(*shape).uniform_(-s, s))  # noqa: E731
        self.W = nn.ParameterList([make(n_units, n_inputs) for _ in range(3)])
        self.U = nn.ParameterList([make(n_units, n_units) for _ in range(3)])
        self.b = nn.ParameterList([make(n_units) for _ in range(3)])
        self.d = nn.ParameterList([make(n_units) for _ in range(3)])

    def forward(self, x, h):
        a = [F.linear(x, W, b) for W, b in zip(self.W, self.b, strict=True)]
        s = [F.linear(h, U, d) for U, d in zip(self.U, self.d, strict=True)]
        z, r = torch.sigmoid(a[0] + s[0]), torch.sigmoid(a[1] + s[1])
        new = torch.tanh(a[2] + r * s[2])
        return z * h + (1 - z) * new


class CourseGRU(nn.Module):
    """r before the product, [h, x] in one matrix, no biases, as on the slides"""

    def __init__(self, input_dim, hidden_dim):
        super().__init__()
        self.W_z = nn.Linear(hidden_dim + input_dim, hidden_dim, bias=False)
        self.W_r = nn.Linear(hidden_dim + input_dim, hidden_dim, bias=False)
        self.W = nn.Linear(hidden_dim + input_dim, hidden_dim, bias=False)

    def forward(self, x, h):
        z = torch.sigmoid(self.W_z(torch.cat([h, x], 1)))
        r = torch.sigmoid(self.W_r(torch.cat([h, x], 1)))
        h_tilde = torch.tanh(self.W(torch.cat([r * h, x], 1)))
        return (1 - z) * h + z * h_tilde


class LearnedStart(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.h0 = nn.Parameter(torch.zeros(hidden_size))
        self.cell = nn.RNNCell(input_size, hidden_size)

    def forward(self, x):
        h = self.h0.expand(x.shape[1], -1)
        outs = []
        for x_t in x.unbind(0):
            h = self.cell(x_t, h)
            outs.append(h)
        return torch.stack(outs, 0)


class GersPeephole(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.x2g = nn.Linear(input_size, 4 * hidden_size)
        self.h2g = nn.Linear(hidden_size, 4 * hidden_size, bias=False)
        self.peep = nn.Parameter(torch.zeros(3, hidden_size))
        self.n = hidden_size

    def forward(self, x):
        h = x.new_zeros(x.shape[1], self.n)
        c = torch.zeros_like(h)
        out = []
        for x_t in x:
            i, f, g, o = (self.x2g(x_t) + self.h2g(h)).split(self.n, 1)
            i = (i + self.peep[0] * c).sigmoid()
            f = (f + self.peep[1] * c).sigmoid()
            c = f * c + i * g.tanh()
            o = (o + self.peep[2] * c).sigmoid()
            h = o * c.tanh()
            out.append(h)
        return torch.stack(out), (h, c)


class CoursePeepholeLSTM(nn.Module):
    def __init__(self, seq_length, input_dim, hidden_dim, num_classes, batch_size, device):
        super().__init__()
        self.hidden_dim, self.device = hidden_dim, device
        self.embed = nn.Embedding(num_classes, input_dim)
        w = lambda a, b: nn.Parameter(nn.init.kaiming_normal_(torch.empty(a, b, device=device)))  # noqa: E731
        self.Wfx, self.Wix, self.Wox, self.Wcx = (w(input_dim, hidden_dim) for _ in range(4))
        self.Wfh, self.Wih, self.Woh = (w(hidden_dim, hidden_dim) for _ in range(3))
        self.bf, self.bi, self.bo, self.bc = (nn.Parameter(torch.zeros(hidden_dim)) for _ in range(4))
        self.Wph, self.bp = w(hidden_dim, num_classes), nn.Parameter(torch.zeros(num_classes))

    def forward(self, x):
        x = self.embed(x.long())
        c = torch.zeros(x.shape[0], self.hidden_dim, device=self.device)
        for t in range(x.shape[1]):
            f = torch.sigmoid(x[:, t] @ self.Wfx + c @ self.Wfh + self.bf)
            i = torch.sigmoid(x[:, t] @ self.Wix + c @ self.Wih + self.bi)
            o = torch.sigmoid(x[:, t] @ self.Wox + c @ self.Woh + self.bo)
            c = torch.sigmoid(x[:, t] @ self.Wcx + self.bc) * i + c * f
            h = torch.tanh(c) * o
        return F.log_softmax(h @ self.Wph + self.bp, dim=1)


class PreallocatedLSTM(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.cell = nn.LSTMCell(input_size, hidden_size)

    def forward(self, x):
        T, B, _ = x.shape
        h = x.new_zeros(B, self.cell.hidden_size)
        c = x.new_zeros(B, self.cell.hidden_size)
        out = x.new_empty(T, B, self.cell.hidden_size)
        for t in range(T):
            h, c = self.cell(x[t], (h, c))
            out[t] = h
        return out, (h, c)


class OneSequence(nn.Module):
    """unbatched"""

    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.rnn = nn.RNNCell(input_size, hidden_size)

    def forward(self, x):
        h = x.new_zeros(self.rnn.hidden_size)
        out = []
        for x_t in x:
            h = self.rnn(x_t, h)
            out.append(h)
        return torch.stack(out)


TorchLSTM = nn.LSTM
TorchGRU = nn.GRU
TorchRNN = nn.RNN
TorchLSTMCell = nn.LSTMCell
RecurrentPeephole = torchrecurrent.PeepholeLSTM
RecurrentPeepholeCell = torchrecurrent.PeepholeLSTMCell


class TiedLanguageModel(nn.Module):
    """Press and Wolf (2017): the output layer's weights are the embedding's"""

    def __init__(self, vocab_size, hidden_size):
        super().__init__()
        self.emb = nn.Embedding(vocab_size, hidden_size)
        self.rnn = nn.LSTM(hidden_size, hidden_size)
        self.out = nn.Linear(hidden_size, vocab_size)
        self.out.weight = self.emb.weight

    def forward(self, ids):
        return self.out(self.rnn(self.emb(ids))[0])


class ProjectingLanguageModel(nn.Module):
    """tied too, from the output layer's side"""

    def __init__(self, vocab_size, emb_size, hidden_size):
        super().__init__()
        self.decoder = nn.Linear(emb_size, vocab_size)
        self.rnn = nn.GRU(emb_size, hidden_size, batch_first=True)
        self.project = nn.Linear(hidden_size, emb_size)
        self.encoder = nn.Embedding(vocab_size, emb_size)
        self.encoder.weight = self.decoder.weight

    def forward(self, ids):
        return self.decoder(self.project(self.rnn(self.encoder(ids))[0]))


class TwoNames(nn.Module):
    """one layer, kept as itself and in a list"""

    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.rnn = nn.LSTM(input_size, hidden_size)
        self.layers = nn.ModuleList([self.rnn])

    def forward(self, x):
        for layer in self.layers:
            x, _ = layer(x)
        return x


class PretrainedEmbedding(nn.Module):
    """word vectors from elsewhere, kept as they are"""

    def __init__(self, vocab_size, embed_dim, hidden_dim):
        super().__init__()
        self.vectors = nn.Embedding.from_pretrained(torch.randn(vocab_size, embed_dim), freeze=True)
        self.rnn = nn.GRU(embed_dim, hidden_dim, batch_first=True)

    def forward(self, ids):
        return self.rnn(self.vectors(ids))[0]


class EchoState(nn.Module):
    """only the readout learns"""

    def __init__(self, input_size, hidden_size, num_classes):
        super().__init__()
        self.reservoir = nn.RNN(input_size, hidden_size).requires_grad_(False)
        self.readout = nn.Linear(hidden_size, num_classes)

    def forward(self, x):
        return self.readout(self.reservoir(x)[0])


class PaddedTagger(nn.Module):
    """symbol 0 fills up short sentences and is not learnt"""

    def __init__(self, vocab_size, emb_size, hidden_size, num_classes):
        super().__init__()
        self.emb = nn.Embedding(vocab_size, emb_size, padding_idx=0)
        self.rnn = nn.LSTM(emb_size, hidden_size)
        self.out = nn.Linear(hidden_size, num_classes)

    def forward(self, ids):
        return self.out(self.rnn(self.emb(ids))[0])


class BoundedEmbedding(nn.Module):
    """no row longer than 1: forward itself shortens them"""

    def __init__(self, vocab_size, emb_size, hidden_size):
        super().__init__()
        self.emb = nn.Embedding(vocab_size, emb_size, max_norm=1.0)
        self.rnn = nn.GRU(emb_size, hidden_size, batch_first=True)

    def forward(self, ids):
        return self.rnn(self.emb(ids))[0]


class Bidirectional(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.rnn = nn.LSTM(input_size, hidden_size, bidirectional=True)

    def forward(self, x):
        return self.rnn(x)[0]


class BidirectionalTagger(nn.Module):
    """its output layer mixes the two directions"""

    def __init__(self, vocab_size, emb_size, hidden_size, num_classes):
        super().__init__()
        self.emb = nn.Embedding(vocab_size, emb_size)
        self.rnn = nn.LSTM(emb_size, hidden_size, batch_first=True, bidirectional=True)
        self.out = nn.Linear(2 * hidden_size, num_classes)

    def forward(self, ids):
        return self.out(self.rnn(self.emb(ids))[0])


class ForthAndBack(nn.Module):
    """bidirectional by hand"""

    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.forth = nn.GRU(input_size, hidden_size)
        self.back = nn.GRU(input_size, hidden_size)

    def forward(self, x):
        return torch.cat([self.forth(x)[0], self.back(x.flip(0))[0].flip(0)], dim=-1)


class KeywordState(nn.Module):
    """its state goes by keyword only"""

    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.cell = nn.LSTMCell(input_size, hidden_size)

    def forward(self, x, *, state=None):
        h, c = self.cell(x, state)
        return h, (h, c)


class BareKeywordState(KeywordState):
    def forward(self, x, *, state=None):
        return self.cell(x, state)


class Pair(NamedTuple):
    h: Tensor
    c: Tensor


class NamedPairState(KeywordState):
    def forward(self, x, state=None):
        return Pair(*self.cell(x, None if state is None else (state.h, state.c)))


@dataclass
class Held:
    h: Tensor
    c: Tensor


class DataclassState(KeywordState):
    def forward(self, x, state=None):
        return Held(*self.cell(x, None if state is None else (state.h, state.c)))


class DictState(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.cell = nn.GRUCell(input_size, hidden_size)

    def forward(self, x, state=None):
        h = self.cell(x, None if state is None else state["h"])
        return h, {"h": h}


class TwoKeywords(KeywordState):
    """right, and no way of calling it step by step is known"""

    def forward(self, x, *, h=None, c=None):
        return self.cell(x, None if h is None else (h, c))
