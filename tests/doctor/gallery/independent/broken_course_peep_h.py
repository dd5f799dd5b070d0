import torch
import torch.nn as nn


class CoursePeepH(nn.Module):
    """the course's peephole, but h instead of c in the gates, and a tanh candidate"""

    def __init__(self, seq_length, input_dim, hidden_dim, num_classes, batch_size, device="cpu"):
        super().__init__()
        self.hidden_dim, self.seq_length = hidden_dim, seq_length
        mk = lambda r, k: nn.Parameter(nn.init.kaiming_normal_(torch.empty(r, k)))
        self.W_fx, self.W_ix, self.W_ox, self.W_cx = [mk(hidden_dim, input_dim) for _ in range(4)]
        self.W_fh, self.W_ih, self.W_oh = [mk(hidden_dim, hidden_dim) for _ in range(3)]
        self.b_f, self.b_i, self.b_o, self.b_c = [nn.Parameter(torch.zeros(hidden_dim)) for _ in range(4)]
        self.W_ph = mk(num_classes, hidden_dim)
        self.b_p = nn.Parameter(torch.zeros(num_classes))

    def forward(self, x):
        h = torch.zeros(x.shape[0], self.hidden_dim).to(x)
        c = torch.zeros(x.shape[0], self.hidden_dim).to(x)
        for t in range(self.seq_length):
            xt = x[:, t]
            f = torch.sigmoid(xt @ self.W_fx.T + h @ self.W_fh.T + self.b_f)
            i = torch.sigmoid(xt @ self.W_ix.T + h @ self.W_ih.T + self.b_i)
            o = torch.sigmoid(xt @ self.W_ox.T + h @ self.W_oh.T + self.b_o)
            c = torch.sigmoid(xt @ self.W_cx.T + self.b_c) * i + c * f
            h = torch.tanh(c) * o
        return h @ self.W_ph.T + self.b_p
