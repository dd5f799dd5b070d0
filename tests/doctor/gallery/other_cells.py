"""RNNs, GRUs and peephole cells, each with one mistake."""

import torch
import torch.nn as nn


class RecurrenceTransposed(nn.Module):
    def __init__(self, n_in, n_hid):
        super().__init__()
        self.W_ih = nn.Parameter(torch.randn(n_hid, n_in) / n_in**0.5)
        self.W_hh = nn.Parameter(torch.randn(n_hid, n_hid) / n_hid**0.5)
        self.b = nn.Parameter(torch.zeros(n_hid))

    def forward(self, x, h):
        return torch.tanh(x @ self.W_ih.T + h @ self.W_hh + self.b)


class ReluRNN(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.i2h = nn.Linear(input_size + hidden_size, hidden_size)
        self.hidden_size = hidden_size

    def forward(self, inputs):
        hidden = inputs.new_zeros(inputs.shape[1], self.hidden_size)
        out = []
        for step in inputs:
            hidden = torch.relu(self.i2h(torch.cat([step, hidden], 1)))
            out.append(hidden)
        return torch.stack(out)


class NoBiasRNN(nn.Module):
    def __init__(self, seq_length, input_dim, num_hidden, num_classes, batch_size, device):
        super().__init__()
        self.T = seq_length
        self.W_hx = nn.Parameter(torch.randn(num_hidden, input_dim, device=device) * 0.1)
        self.W_hh = nn.Parameter(torch.randn(num_hidden, num_hidden, device=device) * 0.1)
        self.W_ph = nn.Parameter(torch.randn(num_classes, num_hidden, device=device) * 0.1)
        self.b_p = nn.Parameter(torch.zeros(num_classes, 1, device=device))

    def forward(self, x):
        h = x.new_zeros(self.W_hh.shape[0], x.shape[0])
        for t in range(self.T):
            h = torch.tanh(self.W_hx @ x[:, t].t() + self.W_hh @ h)
        return (self.W_ph @ h + self.b_p).t()


class SecondLastState(nn.Module):
    def __init__(self, input_size, hidden_size, num_classes):
        super().__init__()
        self.rnn = nn.RNN(input_size, hidden_size, batch_first=True)
        self.out = nn.Linear(hidden_size, num_classes)

    def forward(self, x):
        states, _ = self.rnn(x)
        return self.out(states[:, -2])


class ScalarHistory(nn.Module):
    """numpy in the middle"""

    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.cell = nn.RNNCell(input_size, hidden_size)

    def forward(self, x):
        h = x.new_zeros(x.shape[1], self.cell.hidden_size)
        outs = []
        for x_t in x:
            h = self.cell(x_t, torch.from_numpy(h.detach().numpy()))
            outs.append(h)
        return torch.stack(outs)


class ResetBefore(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.Wr = nn.Linear(input_size + hidden_size, hidden_size)
        self.Wz = nn.Linear(input_size + hidden_size, hidden_size)
        self.Wn = nn.Linear(input_size + hidden_size, hidden_size)

    def forward(self, x, h):
        hx = torch.cat((h, x), 1)
        r = torch.sigmoid(self.Wr(hx))
        z = torch.sigmoid(self.Wz(hx))
        n = torch.tanh(self.Wn(torch.cat((r * h, x), 1)))
        return (1 - z) * n + z * h


class ResetAfter(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.x = nn.Linear(input_size, 3 * hidden_size)
        self.h = nn.Linear(hidden_size, 3 * hidden_size)

    def forward(self, x, h):
        xr, xz, xn = self.x(x).chunk(3, 1)
        hr, hz, hn = self.h(h).chunk(3, 1)
        r, z = torch.sigmoid(xr + hr), torch.sigmoid(xz + hz)
        n = torch.tanh(xn + r * hn)
        return (1 - z) * h + z * n


class ResetForgotten(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.W = nn.ModuleDict({k: nn.Linear(input_size, hidden_size) for k in "rzn"})
        self.U = nn.ModuleDict({k: nn.Linear(hidden_size, hidden_size) for k in "rzn"})

    def forward(self, x, h):
        z = torch.sigmoid(self.W["z"](x) + self.U["z"](h))
        n = torch.tanh(self.W["n"](x) + self.U["n"](h))
        return z * h + (1 - z) * n


class ResetAndUpdateSwapped(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.W_r = nn.Linear(input_size, hidden_size)
        self.U_r = nn.Linear(hidden_size, hidden_size, bias=False)
        self.W_z = nn.Linear(input_size, hidden_size)
        self.U_z = nn.Linear(hidden_size, hidden_size, bias=False)
        self.W_n = nn.Linear(input_size, hidden_size)
        self.U_n = nn.Linear(hidden_size, hidden_size)

    def forward(self, x, h):
        r = torch.sigmoid(self.W_r(x) + self.U_r(h))
        z = torch.sigmoid(self.W_z(x) + self.U_z(h))
        n = torch.tanh(self.W_n(x) + z * self.U_n(h))
        return (1 - r) * n + r * h


class OldMemoryPeephole(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        H = hidden_size
        self.w = nn.Linear(input_size, 4 * H)
        self.u = nn.Linear(H, 4 * H, bias=False)
        self.p_i = nn.Parameter(torch.zeros(H).uniform_(-0.1, 0.1))
        self.p_f = nn.Parameter(torch.zeros(H).uniform_(-0.1, 0.1))
        self.p_o = nn.Parameter(torch.zeros(H).uniform_(-0.1, 0.1))

    def forward(self, x, state):
        h, c = state
        i, f, g, o = (self.w(x) + self.u(h)).chunk(4, 1)
        i = torch.sigmoid(i + self.p_i * c)
        f = torch.sigmoid(f + self.p_f * c)
        o = torch.sigmoid(o + self.p_o * c)
        c = f * c + i * torch.tanh(g)
        return o * torch.tanh(c), (o * torch.tanh(c), c)


class CoursePeephole(nn.Module):
    """the course's cell, taken for Gers's"""

    def __init__(self, seq_length, input_dim, hidden_dim, num_classes, batch_size, device):
        super().__init__()
        self.hidden_dim = hidden_dim
        for gate in ("f", "i", "o"):
            setattr(self, f"W_{gate}x", nn.Parameter(torch.empty(input_dim, hidden_dim)))
            setattr(self, f"W_{gate}h", nn.Parameter(torch.empty(hidden_dim, hidden_dim)))
            setattr(self, f"b_{gate}", nn.Parameter(torch.zeros(hidden_dim)))
        self.W_cx = nn.Parameter(torch.empty(input_dim, hidden_dim))
        self.b_c = nn.Parameter(torch.zeros(hidden_dim))
        self.W_ph = nn.Parameter(torch.empty(hidden_dim, num_classes))
        self.b_p = nn.Parameter(torch.zeros(num_classes))
        for p in self.parameters():
            if p.dim() == 2:
                nn.init.kaiming_normal_(p)

    def forward(self, x):
        c = x.new_zeros(x.shape[0], self.hidden_dim)
        for t in range(x.shape[1]):
            f = torch.sigmoid(x[:, t] @ self.W_fx + c @ self.W_fh + self.b_f)
            i = torch.sigmoid(x[:, t] @ self.W_ix + c @ self.W_ih + self.b_i)
            o = torch.sigmoid(x[:, t] @ self.W_ox + c @ self.W_oh + self.b_o)
            c = torch.sigmoid(x[:, t] @ self.W_cx + self.b_c) * i + c * f
            h = torch.tanh(c) * o
        return torch.log_softmax(h @ self.W_ph + self.b_p, dim=1)


class NewMemoryInCourseCell(CoursePeephole):
    def forward(self, x):
        c = x.new_zeros(x.shape[0], self.hidden_dim)
        for t in range(x.shape[1]):
            f = torch.sigmoid(x[:, t] @ self.W_fx + c @ self.W_fh + self.b_f)
            i = torch.sigmoid(x[:, t] @ self.W_ix + c @ self.W_ih + self.b_i)
            c = torch.sigmoid(x[:, t] @ self.W_cx + self.b_c) * i + c * f
            o = torch.sigmoid(x[:, t] @ self.W_ox + c @ self.W_oh + self.b_o)
            h = torch.tanh(c) * o
        return h @ self.W_ph + self.b_p


class TanhInCourseCell(CoursePeephole):
    def forward(self, x):
        c = x.new_zeros(x.shape[0], self.hidden_dim)
        for t in range(x.shape[1]):
            f = torch.sigmoid(x[:, t] @ self.W_fx + c @ self.W_fh + self.b_f)
            i = torch.sigmoid(x[:, t] @ self.W_ix + c @ self.W_ih + self.b_i)
            o = torch.sigmoid(x[:, t] @ self.W_ox + c @ self.W_oh + self.b_o)
            c = torch.tanh(x[:, t] @ self.W_cx + self.b_c) * i + c * f
            h = torch.tanh(c) * o
        return h @ self.W_ph + self.b_p
