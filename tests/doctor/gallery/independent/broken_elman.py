import torch
import torch.nn as nn


class Elman(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.W = nn.Linear(input_size, hidden_size)
        self.U = nn.Linear(hidden_size, hidden_size)
        self.n = hidden_size

    def forward(self, x):
        h = x.new_zeros(x.shape[1], self.n)
        states = []
        for x_t in x:
            h = torch.tanh(self.W(x_t)) + self.U(h)
            states.append(h)
        return torch.stack(states), h
