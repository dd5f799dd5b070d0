"""A second gallery, written after the doctor, in other hands' style."""

import math
from collections import namedtuple

import torch
import torch.nn as nn
import torch.nn.functional as F

LSTMState = namedtuple("LSTMState", ["hx", "cx"])


class WarmUpWithoutGraph(nn.Module):
    """only the last step learns"""

    def __init__(self, input_size, hidden_size, output_size):
        super().__init__()
        self.cell = nn.LSTMCell(input_size, hidden_size)
        self.readout = nn.Linear(hidden_size, output_size)

    def forward(self, seq):
        B, T = seq.shape[:2]
        hx = seq.new_zeros(B, self.cell.hidden_size)
        cx = torch.zeros_like(hx)
        with torch.no_grad():
            for t in range(T - 1):
                hx, cx = self.cell(seq[:, t], (hx, cx))
        hx, cx = self.cell(seq[:, T - 1], (hx, cx))
        return self.readout(hx)


class DoubleZ(nn.Module):
    def __init__(self, in_dim, hid_dim):
        super().__init__()
        self.hid_dim = hid_dim
        self.fc_x = nn.Linear(in_dim, 3 * hid_dim)
        self.fc_h = nn.Linear(hid_dim, 3 * hid_dim)

    def forward(self, x, hx=None):
        if hx is None:
            hx = x.new_zeros(x.size(0), self.hid_dim)
        gx, gh = self.fc_x(x), self.fc_h(hx)
        xr, xz, xn = gx.split(self.hid_dim, -1)
        hr, hz, hn = gh.split(self.hid_dim, -1)
        reset = (xr + hr).sigmoid()
        update = (xz + hz).sigmoid()
        new = (xn + reset * hn).tanh()
        return update * hx + update * new


class FirstStateRead(nn.Module):
    def __init__(self, n_features, n_hidden, n_classes):
        super().__init__()
        self.encoder = nn.GRU(n_features, n_hidden, batch_first=True)
        self.classify = nn.Sequential(nn.Linear(n_hidden, n_classes), nn.LogSoftmax(dim=1))

    def forward(self, batch):
        h, _ = self.encoder(batch)
        return self.classify(h[:, 0])


class TanhForget(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        H, D = hidden_size, input_size
        std = 1.0 / math.sqrt(H)
        self.weights = nn.ParameterDict()
        for name in ("Wi", "Wf", "Wo", "Wc"):
            self.weights[name] = nn.Parameter(torch.empty(D, H).uniform_(-std, std))
        for name in ("Ui", "Uf", "Uo", "Uc"):
            self.weights[name] = nn.Parameter(torch.empty(H, H).uniform_(-std, std))
        for name in ("bi", "bf", "bo", "bc"):
            self.weights[name] = nn.Parameter(torch.zeros(H))

    def forward(self, x, state):
        w = self.weights
        h_prev, c_prev = state
        it = torch.sigmoid(x @ w["Wi"] + h_prev @ w["Ui"] + w["bi"])
        ft = torch.tanh(x @ w["Wf"] + h_prev @ w["Uf"] + w["bf"])
        ot = torch.sigmoid(x @ w["Wo"] + h_prev @ w["Uo"] + w["bo"])
        ct = torch.tanh(x @ w["Wc"] + h_prev @ w["Uc"] + w["bc"])
        c = ft * c_prev + it * ct
        return LSTMState(ot * torch.tanh(c), c)


class OutputPeepholeOnly(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.gates = nn.Linear(input_size + hidden_size, 4 * hidden_size)
        self.V_o = nn.Parameter(torch.zeros(hidden_size))

    def forward(self, x, h, c):
        f, i, u, o = self.gates(torch.cat([x, h], -1)).chunk(4, -1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(u)
        o = torch.sigmoid(o + self.V_o * c)
        return o * torch.tanh(c), c


class SigmoidGRU(nn.Module):
    def __init__(self, input_dim, hidden_dim):
        super().__init__()
        cat = input_dim + hidden_dim
        self.reset_layer = nn.Linear(cat, hidden_dim)
        self.update_layer = nn.Linear(cat, hidden_dim)
        self.candidate_layer = nn.Linear(cat, hidden_dim)

    def forward(self, x_t, h_prev):
        both = torch.cat([x_t, h_prev], dim=-1)
        r_t = torch.sigmoid(self.reset_layer(both))
        z_t = torch.sigmoid(self.update_layer(both))
        h_hat = torch.sigmoid(self.candidate_layer(torch.cat([x_t, r_t * h_prev], dim=-1)))
        return (1 - z_t) * h_prev + z_t * h_hat


class CentredOverBatch(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.cell = nn.RNNCell(input_size, hidden_size)

    def forward(self, x):
        h = x.new_zeros(x.size(1), self.cell.hidden_size)
        ys = []
        for xt in x.unbind():
            h = self.cell(xt, h)
            h = h - h.mean(dim=0)
            ys.append(h)
        return torch.stack(ys)


class RandomStart(nn.Module):
    def __init__(self, input_size, hidden_size, num_classes):
        super().__init__()
        self.rnn = nn.LSTM(input_size, hidden_size, batch_first=True)
        self.linear = nn.Linear(hidden_size, num_classes)
        self.hidden_size = hidden_size

    def init_hidden(self, x):
        shape = (1, x.size(0), self.hidden_size)
        return torch.randn(shape, dtype=x.dtype, device=x.device), torch.randn(shape, dtype=x.dtype, device=x.device)

    def forward(self, x):
        out, hidden = self.rnn(x, self.init_hidden(x))
        return self.linear(out[:, -1])


class RemembersLastBatch(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.lstm = nn.LSTM(input_size, hidden_size)
        self.hidden = None

    def forward(self, x):
        out, hidden = self.lstm(x, self.hidden)
        self.hidden = tuple(h.detach() for h in hidden)
        return out


class TiedGates(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.i2h = nn.ModuleDict({k: nn.Linear(input_size, hidden_size) for k in ("f", "i", "g")})
        self.h2h = nn.ModuleDict({k: nn.Linear(hidden_size, hidden_size, bias=False) for k in ("f", "i", "g")})
        self.i2h["o"] = self.i2h["i"]
        self.h2h["o"] = self.h2h["i"]

    def gate(self, k, x, h):
        return self.i2h[k](x) + self.h2h[k](h)

    def forward(self, x, hc):
        h, c = hc
        c = torch.sigmoid(self.gate("f", x, h)) * c + torch.sigmoid(self.gate("i", x, h)) * torch.tanh(
            self.gate("g", x, h)
        )
        h = torch.sigmoid(self.gate("o", x, h)) * torch.tanh(c)
        return h, c


class ReadsBackwards(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.w_in = nn.Linear(input_size, hidden_size)
        self.w_rec = nn.Linear(hidden_size, hidden_size)

    def forward(self, x):
        T = x.size(0)
        h = x.new_zeros(x.size(1), self.w_rec.out_features)
        for t in range(T - 1, -1, -1):
            h = torch.tanh(self.w_in(x[t]) + self.w_rec(h))
        return h


class AppendsBeforeUpdate(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.hidden_size = hidden_size
        self.cell = nn.GRUCell(input_size, hidden_size)

    def forward(self, x):
        hs, h = [], x.new_zeros(x.size(0), self.hidden_size)
        for t in range(x.size(1)):
            hs.append(h)
            h = self.cell(x[:, t], h)
        return torch.stack(hs, 1)


class UniformFromZero(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.Wx = nn.Parameter(torch.rand(input_size, hidden_size))
        self.Wh = nn.Parameter(torch.rand(hidden_size, hidden_size))
        self.b = nn.Parameter(torch.zeros(hidden_size))

    def forward(self, x, h):
        return torch.tanh(x.mm(self.Wx) + h.mm(self.Wh) + self.b)


class NarrowSymbols(nn.Module):
    def __init__(self, vocab_size, hidden_size, emb_dim=1):
        super().__init__()
        self.emb = nn.Embedding(vocab_size, emb_dim)
        self.rnn = nn.LSTM(emb_dim, hidden_size, batch_first=True)
        self.out = nn.Linear(hidden_size, vocab_size)

    def forward(self, ids):
        y, _ = self.rnn(self.emb(ids))
        return self.out(y)


class StepsOnTheOutput(nn.Module):
    """writes into what autograd still needs"""

    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.A = nn.Linear(input_size, hidden_size)
        self.B = nn.Linear(hidden_size, hidden_size)
        self.hidden_size = hidden_size

    def forward(self, x):
        T, N, _ = x.shape
        out = x.new_zeros(T + 1, N, self.hidden_size)
        for t in range(T):
            out[t + 1] = torch.tanh(self.A(x[t]) + self.B(out[t]))
        return out[1:]


class HalfwayDouble(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.cell = nn.RNNCell(input_size, hidden_size)

    def forward(self, x):
        h = torch.zeros(x.shape[1], self.cell.hidden_size, dtype=torch.float32, device=x.device)
        out = []
        for x_t in x:
            h = self.cell(x_t.to(torch.float32), h)
            out.append(h)
        return torch.stack(out)


class NoBiasAnywhere(nn.Module):
    def __init__(self, D, H):
        super().__init__()
        self.Wx = nn.Linear(D, 4 * H, bias=False)
        self.Wh = nn.Linear(H, 4 * H, bias=False)

    def forward(self, x, s):
        h, c = s
        a = self.Wx(x) + self.Wh(h)
        i, f, o, g = a.chunk(4, dim=1)
        c = c * f.sigmoid() + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        return h, c


class OutputGateThroughTanh(nn.Module):
    """the o and g rows mixed up by chunk's order"""

    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.ih = nn.Linear(input_size, 4 * hidden_size)
        self.hh = nn.Linear(hidden_size, 4 * hidden_size)

    def forward(self, x, state):
        h, c = state
        i, f, g, o = (self.ih(x) + self.hh(h)).chunk(4, 1)
        i, f, g, o = i.sigmoid(), f.sigmoid(), g.sigmoid(), o.tanh()
        c = f * c + i * g
        return o * c.tanh(), c
