import torch
import torch.nn as nn
import torch.nn.functional as F


class LSTM(nn.Module):
    def __init__(self, seq_length, input_dim, num_hidden, num_classes, batch_size, device="cpu"):
        super(LSTM, self).__init__()
        self.seq_length = seq_length
        self.input_dim = input_dim
        self.num_hidden = num_hidden
        self.device = device

        def W(a, b):
            w = nn.Parameter(torch.empty(a, b))
            nn.init.kaiming_normal_(w, nonlinearity="linear")
            return w

        self.W_gx, self.W_gh, self.b_g = (
            W(num_hidden, input_dim),
            W(num_hidden, num_hidden),
            nn.Parameter(torch.zeros(num_hidden, 1)),
        )
        self.W_ix, self.W_ih, self.b_i = (
            W(num_hidden, input_dim),
            W(num_hidden, num_hidden),
            nn.Parameter(torch.zeros(num_hidden, 1)),
        )
        self.W_fx, self.W_fh, self.b_f = (
            W(num_hidden, input_dim),
            W(num_hidden, num_hidden),
            nn.Parameter(torch.ones(num_hidden, 1)),
        )
        self.W_ox, self.W_oh, self.b_o = (
            W(num_hidden, input_dim),
            W(num_hidden, num_hidden),
            nn.Parameter(torch.zeros(num_hidden, 1)),
        )
        self.W_ph, self.b_p = W(num_classes, num_hidden), nn.Parameter(torch.zeros(num_classes, 1))
        self.to(device)

    def forward(self, x):
        # x: (batch, seq) of digits
        x = F.one_hot(x.long(), self.input_dim).to(self.b_g.dtype)
        h = torch.zeros(self.num_hidden, x.shape[0], dtype=x.dtype, device=x.device)
        c = torch.zeros(self.num_hidden, x.shape[0], dtype=x.dtype, device=x.device)
        for t in range(x.shape[1]):
            xt = x[:, t].T
            g = torch.tanh(self.W_gx @ xt + self.W_gh @ h + self.b_g)
            i = torch.sigmoid(self.W_ix @ xt + self.W_ih @ h + self.b_i)
            f = torch.sigmoid(self.W_fx @ xt + self.W_fh @ h + self.b_f)
            o = torch.sigmoid(self.W_ox @ xt + self.W_oh @ h + self.b_o)
            c = g * i + c * f
            h = torch.tanh(c) * o
        return F.log_softmax((self.W_ph @ h + self.b_p).T, dim=1)
