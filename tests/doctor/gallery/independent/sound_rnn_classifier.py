import torch
import torch.nn as nn


class RNNClassifier(nn.Module):
    def __init__(self, input_size, hidden_size, num_classes, batch_first=True):
        super().__init__()
        self.batch_first = batch_first
        self.hidden_size = hidden_size
        self.i2h = nn.Linear(input_size, hidden_size, bias=False)
        self.h2h = nn.Linear(hidden_size, hidden_size)
        self.h2o = nn.Linear(hidden_size, num_classes)

    def forward(self, x):
        if self.batch_first:
            x = x.permute(1, 0, 2)
        h = torch.zeros(x.shape[1], self.hidden_size, device=x.device, dtype=x.dtype)
        for xt in x:
            h = torch.tanh(self.i2h(xt) + self.h2h(h))
        return self.h2o(h)
