import torch
import torch.nn as nn


class SeqModel(nn.Module):
    def __init__(self, input_size, hidden_size, num_classes):
        super().__init__()
        self.core = nn.LSTM(input_size, hidden_size, batch_first=True)
        self.head = nn.Linear(hidden_size, num_classes)

    def forward(self, x):
        out, (h, c) = self.core(x)
        return self.head(h[-1])


def train_step(model, batch, criterion, optimizer, device="cpu", max_norm=10.0):
    model.train()
    inputs, targets = batch
    inputs, targets = inputs.to(device), targets.to(device)
    for p in model.parameters():
        p.grad = None
    logits = model(inputs)
    loss = criterion(logits, targets)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm=max_norm)
    optimizer.step()
    acc = (logits.argmax(dim=-1) == targets).float().mean()
    return loss.item(), acc.item()
