import torch
import torch.nn as nn


class MyLSTM(nn.Module):
    def __init__(self, input_dim, hidden_dim):
        super().__init__()
        self.hidden_dim = hidden_dim
        self.lin = nn.Linear(input_dim + hidden_dim, 4 * hidden_dim)

    def forward(self, inputs, state=None):
        # inputs: batch x time x features
        bs, T, _ = inputs.shape
        if state is None:
            h = inputs.new_zeros(bs, self.hidden_dim)
            c = inputs.new_zeros(bs, self.hidden_dim)
        else:
            h, c = state
        outs = []
        for t in range(T):
            z = self.lin(torch.cat((h, inputs[:, t]), dim=1))
            f, i, o, g = z.chunk(4, dim=1)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = o.sigmoid() * c.tanh()
            outs.append(h.unsqueeze(1))
        return torch.cat(outs, dim=1), (h, c)
