"""LSTMs with the course's signature, each with one mistake."""

import torch
import torch.nn as nn
import torch.nn.functional as F


class _Base(nn.Module):
    def __init__(self, seq_length, input_dim, num_hidden, num_classes, batch_size, device="cpu"):
        super().__init__()
        self.seq_length = seq_length
        self.num_hidden = num_hidden
        self.batch_size = batch_size
        self.device = device
        for gate in "gifo":
            setattr(self, f"W_{gate}x", nn.Parameter(torch.empty(input_dim, num_hidden)))
            setattr(self, f"W_{gate}h", nn.Parameter(torch.empty(num_hidden, num_hidden)))
            setattr(self, f"b_{gate}", nn.Parameter(torch.zeros(num_hidden)))
        self.W_ph = nn.Parameter(torch.empty(num_hidden, num_classes))
        self.b_p = nn.Parameter(torch.zeros(num_classes))
        self.init_weights()
        self.to(device)

    def init_weights(self):
        for p in self.parameters():
            if p.dim() > 1:
                nn.init.kaiming_normal_(p)

    def start(self, x):
        return x.new_zeros(x.shape[0], self.num_hidden), x.new_zeros(x.shape[0], self.num_hidden)

    def gates(self, xt, h):
        g = torch.tanh(xt @ self.W_gx + h @ self.W_gh + self.b_g)
        i = torch.sigmoid(xt @ self.W_ix + h @ self.W_ih + self.b_i)
        f = torch.sigmoid(xt @ self.W_fx + h @ self.W_fh + self.b_f)
        o = torch.sigmoid(xt @ self.W_ox + h @ self.W_oh + self.b_o)
        return g, i, f, o


class DetachedState(_Base):
    def forward(self, x):
        h, c = self.start(x)
        for t in range(self.seq_length):
            g, i, f, o = self.gates(x[:, t], h)
            c = g * i + c * f
            h = torch.tanh(c) * o
            h, c = h.detach(), c.detach()
        return h @ self.W_ph + self.b_p


class OnlyMemoryDetached(_Base):
    def forward(self, x):
        h, c = self.start(x)
        for t in range(self.seq_length):
            g, i, f, o = self.gates(x[:, t], h)
            c = g * i + c.data * f
            h = torch.tanh(c) * o
        return h @ self.W_ph + self.b_p


class StartsAtOne(_Base):
    def forward(self, x):
        h, c = self.start(x)
        for t in range(1, self.seq_length):
            g, i, f, o = self.gates(x[:, t], h)
            c = g * i + c * f
            h = torch.tanh(c) * o
        return h @ self.W_ph + self.b_p


class StopsEarly(_Base):
    def forward(self, x):
        h, c = self.start(x)
        for t in range(self.seq_length - 1):
            g, i, f, o = self.gates(x[:, t], h)
            c = g * i + c * f
            h = torch.tanh(c) * o
        return h @ self.W_ph + self.b_p


class InputAndForgetSwapped(_Base):
    def forward(self, x):
        h, c = self.start(x)
        for t in range(self.seq_length):
            g, i, f, o = self.gates(x[:, t], h)
            c = g * f + c * i
            h = torch.tanh(c) * o
        return h @ self.W_ph + self.b_p


class NoTanhOfMemory(_Base):
    def forward(self, x):
        h, c = self.start(x)
        for t in range(self.seq_length):
            g, i, f, o = self.gates(x[:, t], h)
            c = g * i + c * f
            h = c * o
        return h @ self.W_ph + self.b_p


class SigmoidCandidate(_Base):
    def gates(self, xt, h):
        g = torch.sigmoid(xt @ self.W_gx + h @ self.W_gh + self.b_g)
        _, i, f, o = super().gates(xt, h)
        return g, i, f, o

    def forward(self, x):
        h, c = self.start(x)
        for t in range(self.seq_length):
            g, i, f, o = self.gates(x[:, t], h)
            c = g * i + c * f
            h = torch.tanh(c) * o
        return h @ self.W_ph + self.b_p


class KeepsItsState(_Base):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.h = torch.zeros(self.batch_size, self.num_hidden)
        self.c = torch.zeros(self.batch_size, self.num_hidden)

    def forward(self, x):
        for t in range(self.seq_length):
            g, i, f, o = self.gates(x[:, t], self.h)
            self.c = g * i + self.c * f
            self.h = torch.tanh(self.c) * o
        return self.h @ self.W_ph + self.b_p


class SoftmaxOverBatch(_Base):
    def forward(self, x):
        h, c = self.start(x)
        for t in range(self.seq_length):
            g, i, f, o = self.gates(x[:, t], h)
            c = g * i + c * f
            h = torch.tanh(c) * o
        return F.softmax(h @ self.W_ph + self.b_p, dim=0)


class NormalEverywhere(_Base):
    def init_weights(self):
        for p in self.parameters():
            nn.init.normal_(p)

    def forward(self, x):
        h, c = self.start(x)
        for t in range(self.seq_length):
            g, i, f, o = self.gates(x[:, t], h)
            c = g * i + c * f
            h = torch.tanh(c) * o
        return h @ self.W_ph + self.b_p


class ForgetGateCopiesInputGate(_Base):
    def gates(self, xt, h):
        g, i, _, o = super().gates(xt, h)
        f = torch.sigmoid(xt @ self.W_ix + h @ self.W_ih + self.b_i)
        return g, i, f, o

    def forward(self, x):
        h, c = self.start(x)
        for t in range(self.seq_length):
            g, i, f, o = self.gates(x[:, t], h)
            c = g * i + c * f
            h = torch.tanh(c) * o
        return h @ self.W_ph + self.b_p


class NoForgetBias(_Base):
    def gates(self, xt, h):
        g, i, _, o = super().gates(xt, h)
        f = torch.sigmoid(xt @ self.W_fx + h @ self.W_fh)
        return g, i, f, o

    def forward(self, x):
        h, c = self.start(x)
        for t in range(self.seq_length):
            g, i, f, o = self.gates(x[:, t], h)
            c = g * i + c * f
            h = torch.tanh(c) * o
        return h @ self.W_ph + self.b_p


class TinyEmbedding(_Base):
    def __init__(self, seq_length, input_dim, num_hidden, num_classes, batch_size, device="cpu"):
        super().__init__(seq_length, 1, num_hidden, num_classes, batch_size, device)
        self.embed = nn.Embedding(10, 1)

    def forward(self, x):
        x = self.embed(x)
        h, c = self.start(x)
        for t in range(self.seq_length):
            g, i, f, o = self.gates(x[:, t], h)
            c = g * i + c * f
            h = torch.tanh(c) * o
        return h @ self.W_ph + self.b_p


class MemoryGivenBack(_Base):
    def forward(self, x):
        h, c = self.start(x)
        for t in range(self.seq_length):
            g, i, f, o = self.gates(x[:, t], h)
            c = g * i + c * f
            h = torch.tanh(c) * o
        return c @ self.W_ph + self.b_p
