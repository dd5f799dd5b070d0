"""LSTMs with stacked weights, layers and cells, each with one mistake."""

import math

import torch
from torch import nn
from torch.nn import functional as F


class PlainTensors(nn.Module):
    """weights that no optimiser sees"""

    def __init__(self, input_size, hidden_size):
        super().__init__()
        k = 1 / math.sqrt(hidden_size)
        self.hidden_size = hidden_size
        self.W = torch.empty(input_size, 4 * hidden_size).uniform_(-k, k).requires_grad_()
        self.U = torch.empty(hidden_size, 4 * hidden_size).uniform_(-k, k).requires_grad_()
        self.b = torch.zeros(4 * hidden_size).requires_grad_()

    def forward(self, x, state=None):
        if state is None:
            state = (x.new_zeros(x.size(1), self.hidden_size), x.new_zeros(x.size(1), self.hidden_size))
        h, c = state
        outs = []
        for x_t in x:
            i, f, g, o = (x_t @ self.W + h @ self.U + self.b).chunk(4, 1)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = o.sigmoid() * c.tanh()
            outs.append(h)
        return torch.stack(outs), (h, c)


class ListOfLinears(nn.Module):
    """a python list hides its layers"""

    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.hidden_size = hidden_size
        self.gates = [nn.Linear(input_size + hidden_size, hidden_size) for _ in range(4)]
        self.head = nn.Linear(hidden_size, hidden_size)

    def forward(self, x):
        h = x.new_zeros(x.size(0), self.hidden_size)
        c = torch.zeros_like(h)
        for t in range(x.size(1)):
            z = torch.cat([x[:, t], h], dim=1)
            f = torch.sigmoid(self.gates[0](z))
            i = torch.sigmoid(self.gates[1](z))
            g = torch.tanh(self.gates[2](z))
            o = torch.sigmoid(self.gates[3](z))
            c = f * c + i * g
            h = o * torch.tanh(c)
        return h


class FirstOutputMissing(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.cell = nn.LSTMCell(input_size, hidden_size)

    def forward(self, x):
        h = c = x.new_zeros(x.shape[1], self.cell.hidden_size)
        outputs = x.new_zeros(x.shape[0], x.shape[1], self.cell.hidden_size)
        for t in range(1, x.shape[0]):
            h, c = self.cell(x[t], (h, c))
            outputs[t] = h
        return outputs


class AxesConfused(nn.Module):
    """x comes [batch, time, input], nn.LSTM wants time first"""

    def __init__(self, input_size, hidden_size, num_classes):
        super().__init__()
        self.lstm = nn.LSTM(input_size, hidden_size)
        self.fc = nn.Linear(hidden_size, num_classes)

    def forward(self, x):
        out, _ = self.lstm(x)
        return self.fc(out[:, -1, :])


class ViewForTranspose(nn.Module):
    def __init__(self, input_size, hidden_size, num_classes):
        super().__init__()
        self.lstm = nn.LSTM(input_size, hidden_size)
        self.fc = nn.Linear(hidden_size, num_classes)

    def forward(self, x):
        B, T, D = x.shape
        out, (h, c) = self.lstm(x.view(T, B, D))
        return self.fc(h[-1])


class DropoutAlways(nn.Module):
    def __init__(self, input_size, hidden_size, num_classes, p=0.3):
        super().__init__()
        self.lstm = nn.LSTM(input_size, hidden_size, batch_first=True)
        self.fc = nn.Linear(hidden_size, num_classes)
        self.p = p

    def forward(self, x):
        out, _ = self.lstm(x)
        return self.fc(F.dropout(out[:, -1], self.p))


class WritesInPlace(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.hidden_size = hidden_size
        self.x2h = nn.Linear(input_size, 4 * hidden_size)
        self.h2h = nn.Linear(hidden_size, 4 * hidden_size)

    def forward(self, x):
        h = x.new_zeros(x.size(1), self.hidden_size)
        c = x.new_zeros(x.size(1), self.hidden_size)
        outs = []
        for x_t in x:
            i, f, g, o = (self.x2h(x_t) + self.h2h(h)).chunk(4, dim=1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o)
            h *= torch.tanh(c)
            outs.append(h)
        return torch.stack(outs)


class WrongDevice(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.hidden_size = hidden_size
        self.cell = nn.LSTMCell(input_size, hidden_size)

    def forward(self, x):
        h = torch.zeros(x.size(1), self.hidden_size, device="cpu")
        c = torch.zeros(x.size(1), self.hidden_size, device="cpu")
        outs = []
        for x_t in x:
            h, c = self.cell(x_t, (h, c))
            outs.append(h)
        return torch.stack(outs), (h, c)


class HalfCell(nn.Module):
    """h is rounded to float32 on the way"""

    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.lin = nn.Linear(input_size + hidden_size, 4 * hidden_size)

    def forward(self, x, state):
        h, c = state
        z = self.lin(torch.cat((x, h), -1).float())
        i, f, g, o = torch.split(z, z.size(1) // 4, dim=1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        return h, (h, c)


class FrozenRecurrence(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.wx = nn.Linear(input_size, 4 * hidden_size)
        self.wh = nn.Linear(hidden_size, 4 * hidden_size)
        for p in self.wh.parameters():
            p.requires_grad = False

    def forward(self, x, h, c):
        a = self.wx(x) + self.wh(h)
        i, f, g, o = a.chunk(4, -1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c), c


class BiasOnInputGate(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.wx = nn.Linear(input_size, 4 * hidden_size)
        self.wh = nn.Linear(hidden_size, 4 * hidden_size, bias=False)
        nn.init.zeros_(self.wx.bias)
        self.wx.bias.data[:hidden_size] = 1.0  # remember!

    def forward(self, x, state):
        h, c = state
        i, f, g, o = (self.wx(x) + self.wh(h)).chunk(4, -1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        return h, (h, c)
