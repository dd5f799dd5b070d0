import torch
import torch.nn as nn


class ListLSTM(nn.Module):
    """gates in a plain list: nothing is registered"""

    def __init__(self, input_size, hidden_size, num_classes):
        super().__init__()
        self.hidden_size = hidden_size
        self.gates = [nn.Linear(input_size + hidden_size, hidden_size) for _ in range(4)]
        self.readout = nn.Linear(hidden_size, num_classes)

    def forward(self, x):
        h = torch.zeros(x.shape[0], self.hidden_size)
        c = torch.zeros(x.shape[0], self.hidden_size)
        for t in range(x.shape[1]):
            i, f, o, g = [gate(torch.cat([x[:, t], h], 1)) for gate in self.gates]
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = o.sigmoid() * c.tanh()
        return self.readout(h)
