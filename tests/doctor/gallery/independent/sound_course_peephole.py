import torch
import torch.nn as nn


class peepLSTM(nn.Module):
    def __init__(self, seq_length, input_dim, hidden_dim, num_classes, batch_size, device):
        super(peepLSTM, self).__init__()
        self.hidden_dim = hidden_dim
        self.seq_length = seq_length
        self.batch_size = batch_size
        self.embedding = nn.Embedding(seq_length, input_dim)
        mk = lambda r, k: nn.Parameter(nn.init.kaiming_uniform_(torch.empty(r, k)))
        self.W_fx, self.W_ix, self.W_ox, self.W_cx = [mk(hidden_dim, input_dim) for _ in range(4)]
        self.W_fh, self.W_ih, self.W_oh = [mk(hidden_dim, hidden_dim) for _ in range(3)]
        self.b_f, self.b_i, self.b_o, self.b_c = [nn.Parameter(torch.zeros(hidden_dim, 1)) for _ in range(4)]
        self.W_ph = mk(num_classes, hidden_dim)
        self.b_p = nn.Parameter(torch.zeros(num_classes, 1))
        self.device = device
        self.to(device)

    def forward(self, x):
        x = self.embedding(x.squeeze(-1).long())
        c = torch.zeros(self.hidden_dim, x.size(0)).to(x)
        for t in range(x.size(1)):
            xt = x[:, t, :].t()
            f = torch.sigmoid(self.W_fx.mm(xt) + self.W_fh.mm(c) + self.b_f)
            i = torch.sigmoid(self.W_ix.mm(xt) + self.W_ih.mm(c) + self.b_i)
            o = torch.sigmoid(self.W_ox.mm(xt) + self.W_oh.mm(c) + self.b_o)
            c = torch.sigmoid(self.W_cx.mm(xt) + self.b_c) * i + c * f
            h = torch.tanh(c) * o
        p = self.W_ph.mm(h) + self.b_p
        return torch.log_softmax(p.t(), dim=1)
