import torch
import torch.nn as nn


class PeepOld(nn.Module):
    """output gate peeps at the old memory"""

    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.hidden_size = hidden_size
        self.lx = nn.ModuleDict({k: nn.Linear(input_size, hidden_size) for k in "ifgo"})
        self.lh = nn.ModuleDict({k: nn.Linear(hidden_size, hidden_size, bias=False) for k in "ifgo"})
        self.peep = nn.ParameterDict({k: nn.Parameter(torch.randn(hidden_size) * 0.2) for k in "ifo"})

    def forward(self, x):
        h = x.new_zeros(x.size(0), self.hidden_size)
        c = x.new_zeros(x.size(0), self.hidden_size)
        ys = []
        for xt in x.unbind(1):
            i = torch.sigmoid(self.lx["i"](xt) + self.lh["i"](h) + self.peep["i"] * c)
            f = torch.sigmoid(self.lx["f"](xt) + self.lh["f"](h) + self.peep["f"] * c)
            o = torch.sigmoid(self.lx["o"](xt) + self.lh["o"](h) + self.peep["o"] * c)
            g = torch.tanh(self.lx["g"](xt) + self.lh["g"](h))
            c = f * c + i * g
            h = o * torch.tanh(c)
            ys.append(h)
        return torch.stack(ys, 1)
