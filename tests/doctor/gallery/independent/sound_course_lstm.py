import torch
import torch.nn as nn


class LSTM(nn.Module):
    def __init__(self, seq_length, input_dim, num_hidden, num_classes, batch_size, device="cpu"):
        super().__init__()
        self.seq_length, self.num_hidden, self.device = seq_length, num_hidden, device
        p = lambda a, b: nn.Parameter(nn.init.xavier_uniform_(torch.empty(a, b)))
        z = lambda a: nn.Parameter(torch.zeros(a, 1))
        self.W_gx, self.W_gh, self.b_g = p(num_hidden, input_dim), p(num_hidden, num_hidden), z(num_hidden)
        self.W_ix, self.W_ih, self.b_i = p(num_hidden, input_dim), p(num_hidden, num_hidden), z(num_hidden)
        self.W_fx, self.W_fh, self.b_f = p(num_hidden, input_dim), p(num_hidden, num_hidden), z(num_hidden)
        self.W_ox, self.W_oh, self.b_o = p(num_hidden, input_dim), p(num_hidden, num_hidden), z(num_hidden)
        self.W_ph, self.b_p = p(num_classes, num_hidden), z(num_classes)
        self.to(device)

    def forward(self, x):
        h = torch.zeros(self.num_hidden, x.shape[0], dtype=x.dtype, device=self.device)
        c = torch.zeros(self.num_hidden, x.shape[0], dtype=x.dtype, device=self.device)
        for t in range(self.seq_length):
            xt = x[:, t].view(1, -1)
            g = torch.tanh(self.W_gx @ xt + self.W_gh @ h + self.b_g)
            i = torch.sigmoid(self.W_ix @ xt + self.W_ih @ h + self.b_i)
            f = torch.sigmoid(self.W_fx @ xt + self.W_fh @ h + self.b_f)
            o = torch.sigmoid(self.W_ox @ xt + self.W_oh @ h + self.b_o)
            c = g * i + c * f
            h = torch.tanh(c) * o
        return (self.W_ph @ h + self.b_p).t()
