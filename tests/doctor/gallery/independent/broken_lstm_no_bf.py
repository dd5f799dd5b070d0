import torch
import torch.nn as nn


class LSTMNoBf(nn.Module):
    def __init__(self, input_dim, hidden_dim, num_classes):
        super().__init__()
        self.hidden_dim = hidden_dim
        s = hidden_dim**-0.5
        for g in ("i", "f", "o", "g"):
            setattr(self, "W_%sx" % g, nn.Parameter(torch.empty(input_dim, hidden_dim).uniform_(-s, s)))
            setattr(self, "W_%sh" % g, nn.Parameter(torch.empty(hidden_dim, hidden_dim).uniform_(-s, s)))
            if g != "f":
                setattr(self, "b_%s" % g, nn.Parameter(torch.zeros(hidden_dim)))
        self.fc = nn.Linear(hidden_dim, num_classes)

    def forward(self, x):
        h = torch.zeros(x.size(0), self.hidden_dim).to(x)
        c = torch.zeros_like(h)
        for t in range(x.size(1)):
            xt = x[:, t]
            i = torch.sigmoid(xt @ self.W_ix + h @ self.W_ih + self.b_i)
            f = torch.sigmoid(xt @ self.W_fx + h @ self.W_fh)
            o = torch.sigmoid(xt @ self.W_ox + h @ self.W_oh + self.b_o)
            g = torch.tanh(xt @ self.W_gx + h @ self.W_gh + self.b_g)
            c = f * c + i * g
            h = o * torch.tanh(c)
        return self.fc(h)
