import torch
import torch.nn as nn


class SeqModel(nn.Module):
    def __init__(self, input_size, hidden_size, num_classes):
        super().__init__()
        self.core = nn.LSTM(input_size, hidden_size, batch_first=True)
        self.dropout = nn.Dropout(0.2)
        self.head = nn.Linear(hidden_size, num_classes)

    def forward(self, x):
        out, _ = self.core(x)
        return self.head(self.dropout(out[:, -1]))


class SoftmaxModel(SeqModel):
    def forward(self, x):
        return torch.softmax(super().forward(x), dim=-1)


def step_no_zero(model, x, y, optimizer, criterion):
    model.train()
    loss = criterion(model(x), y)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    return loss.item()


def step_plain(model, x, y, optimizer):
    model.train()
    optimizer.zero_grad()
    loss = nn.CrossEntropyLoss()(model(x), y)
    loss.backward()
    optimizer.step()
    return loss


def step_eval_left(model, loader, optimizer, loss_fn=nn.CrossEntropyLoss()):
    total = 0.0
    for x, y in loader:
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        loss.backward()
        optimizer.step()
        model.eval()
        with torch.no_grad():
            total += (model(x).argmax(1) == y).float().mean().item()
    return total


def step_head_only(model, x, y, lr=0.01):
    optimizer = torch.optim.Adam(model.head.parameters(), lr=lr)
    model.train()
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    return loss.item()


def step_own_target(model, optimizer, x, y):
    model.train()
    optimizer.zero_grad()
    out = model(x)
    pred = out.argmax(dim=1)
    loss = nn.functional.cross_entropy(out, pred)
    loss.backward()
    optimizer.step()
    return loss.item()


def step_double_backward(model, optimizer, x, y):
    model.train()
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(x), y)
    loss.backward(retain_graph=True)
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    loss.backward()
    optimizer.step()
    return loss.item()


def step_item(model, optimizer, x, y):
    model.train()
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(x), y)
    loss = torch.tensor(loss.item(), requires_grad=True)
    loss.backward()
    optimizer.step()
    return loss.item()


def step_clip_other(model, optimizer, x, y):
    """clips with the values written before backward, and zeroes after backward"""
    model.train()
    out = model(x)
    loss = nn.functional.cross_entropy(out, y)
    loss.backward()
    optimizer.zero_grad()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    return loss.item()


def step_mse(model, optimizer, x, y):
    model.train()
    optimizer.zero_grad()
    out = model(x)
    loss = ((out - nn.functional.one_hot(y, out.size(1)).to(out.dtype)) ** 2).mean()
    loss.backward()
    optimizer.step()
    return loss.item()
