import torch
from torch import nn
import torch.nn.functional as F


class Tagger(nn.Module):
    def __init__(self, input_size, hidden_size, num_classes):
        super().__init__()
        self.core = nn.LSTM(input_size, hidden_size)
        self.head = nn.Linear(hidden_size, num_classes)

    def forward(self, x):
        return self.head(self.core(x)[0])


def step_last_only(model, optimizer, x, y):
    model.train()
    optimizer.zero_grad()
    out = model(x)
    loss = F.cross_entropy(out[-1], y[-1])
    loss.backward()
    optimizer.step()
    return loss.item()


def step_smooth(model, optimizer, x, y):
    model.train()
    optimizer.zero_grad()
    out = model(x)
    loss = F.cross_entropy(out.permute(1, 2, 0), y.T, label_smoothing=0.1)
    loss.backward()
    optimizer.step()
    return loss.item()


def step_two_losses(model, optimizer, x, y):
    model.train()
    optimizer.zero_grad()
    for t in range(2):
        F.cross_entropy(model(x)[t], y[t]).backward()
    optimizer.step()


def step_rolled(model, optimizer, x, y):
    model.train()
    optimizer.zero_grad()
    out = model(x)
    loss = F.cross_entropy(out.flatten(0, 1), y.roll(1, 0).flatten())
    loss.backward()
    optimizer.step()
    return loss.item()


def step_no_zero_closure(model, opt, x, y):
    model.train()

    def closure():
        loss = F.cross_entropy(model(x).flatten(0, 1), y.flatten())
        loss.backward()
        return loss

    opt.step(closure)
