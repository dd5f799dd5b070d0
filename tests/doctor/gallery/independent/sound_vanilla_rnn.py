import torch
import torch.nn as nn


class VanillaRNN(nn.Module):
    def __init__(self, seq_length, input_dim, num_hidden, num_classes, batch_size, device="cpu"):
        super(VanillaRNN, self).__init__()
        self.seq_length = seq_length
        self.num_hidden = num_hidden
        self.batch_size = batch_size
        self.device = device

        self.W_hx = nn.Parameter(torch.empty(num_hidden, input_dim))
        self.W_hh = nn.Parameter(torch.empty(num_hidden, num_hidden))
        self.W_ph = nn.Parameter(torch.empty(num_classes, num_hidden))
        self.b_h = nn.Parameter(torch.zeros(num_hidden, 1))
        self.b_p = nn.Parameter(torch.zeros(num_classes, 1))
        for w in (self.W_hx, self.W_hh, self.W_ph):
            nn.init.xavier_normal_(w)
        self.h_init = torch.zeros(num_hidden, batch_size, device=device)

    def forward(self, x):
        h = self.h_init
        for t in range(self.seq_length):
            h = torch.tanh(self.W_hx @ x[:, t].reshape(1, -1) + self.W_hh @ h + self.b_h)
        p = self.W_ph @ h + self.b_p
        return p.t()
