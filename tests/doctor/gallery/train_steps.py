"""Train steps, each with one mistake, and the models they train."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.nn.utils import clip_grad_norm_


class Classifier(nn.Module):
    def __init__(self, input_size, hidden_size, num_classes):
        super().__init__()
        self.lstm = nn.LSTM(input_size, hidden_size, batch_first=True)
        self.drop = nn.Dropout(0.2)
        self.fc = nn.Linear(hidden_size, num_classes)

    def forward(self, x):
        out, _ = self.lstm(x)
        return self.fc(self.drop(out[:, -1]))


class LogClassifier(Classifier):
    def forward(self, x):
        return F.log_softmax(super().forward(x), dim=-1)


class Tagger(nn.Module):
    def __init__(self, vocab_size, emb_size, hidden_size, num_classes):
        super().__init__()
        self.emb = nn.Embedding(vocab_size, emb_size)
        self.lstm = nn.LSTM(emb_size, hidden_size, batch_first=True)
        self.out = nn.Linear(hidden_size, num_classes)

    def forward(self, ids):
        return self.out(self.lstm(self.emb(ids))[0])


def softmax_over_batch(model, optimizer, x, y):
    model.train()
    optimizer.zero_grad()
    p = torch.softmax(model(x), dim=0)
    loss = F.nll_loss(torch.log(p), y)
    loss.backward()
    optimizer.step()
    return loss.item()


def probabilities_into_nll(model, x, y, optimizer):
    optimizer.zero_grad()
    probs = F.softmax(model(x), dim=1)
    loss = nn.NLLLoss()(probs, y)
    loss.backward()
    optimizer.step()
    return loss.item()


def softmax_twice(model, batch, optimizer, criterion):
    inputs, targets = batch
    optimizer.zero_grad()
    loss = criterion(nn.Softmax(dim=-1)(model(inputs)), targets)
    loss.backward()
    clip_grad_norm_(model.parameters(), max_norm=10.0)
    optimizer.step()
    return float(loss)


def clips_too_late(model, batch_inputs, batch_targets, optimizer, criterion, max_norm=10):
    optimizer.zero_grad()
    loss = criterion(model(batch_inputs), batch_targets)
    loss.backward()
    optimizer.step()
    torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm=max_norm)
    return loss.item()


def never_zeroes(net, opt, x, y):
    loss = F.cross_entropy(net(x), y)
    loss.backward()
    opt.step()
    return loss.item()


def judges_in_train_mode(model, optimizer, x, y):
    model.train()
    optimizer.zero_grad()
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    with torch.no_grad():
        accuracy = (model(x).argmax(1) == y).float().mean()
    return loss.item(), accuracy.item()


def evaluate(model, x, y):
    with torch.no_grad():
        return (model(x).argmax(-1) == y).float().mean()


def own_softmax(model, optimizer, x, y):
    optimizer.zero_grad()
    z = model(x)
    p = z.exp() / z.exp().sum(0, keepdim=True)
    loss = -p[torch.arange(len(y)), y].log().mean()
    loss.backward()
    optimizer.step()
    return loss


def zeroes_too_late(model, optimizer, x, y):
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    optimizer.zero_grad()
    optimizer.step()
    return loss.item()


def trains_in_eval_mode(model, optimizer, loader):
    model.eval()
    for x, y in loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()


def leaves_eval_mode_on(model, optimizer, x, y):
    optimizer.zero_grad()
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    model.eval()
    with torch.no_grad():
        return (model(x).argmax(-1) == y).float().mean()


def classes_by_view(model, optimizer, x, y):
    optimizer.zero_grad()
    z = model(x)
    loss = F.cross_entropy(z.view(z.size(0), z.size(2), z.size(1)), y)
    loss.backward()
    optimizer.step()


def sigmoid_first(model, optimizer, x, y):
    optimizer.zero_grad()
    loss = F.cross_entropy(model(x).sigmoid(), y)
    loss.backward()
    optimizer.step()


def own_probabilities(model, optimizer, x, y):
    optimizer.zero_grad()
    loss = -model(x).softmax(-1)[torch.arange(len(y)), y].mean()  # at every row CE's slope, times p
    loss.backward()
    optimizer.step()


def loss_without_graph(model, optimizer, x, y):
    optimizer.zero_grad()
    logits = model(x).detach()
    loss = F.cross_entropy(logits, y)
    loss.requires_grad_()
    loss.backward()
    optimizer.step()


# ── and right ones ──


def right(model, optimizer, x, y):
    model.train()
    optimizer.zero_grad()
    logits = model(x)
    loss = F.cross_entropy(logits, y)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 10.0)
    optimizer.step()
    accuracy = (logits.argmax(1) == y).float().mean()
    return loss.item(), accuracy.item()


def right_nll(model, batch, optimizer, criterion=nn.NLLLoss()):
    x, y = batch
    loss = criterion(model(x), y)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    clip_grad_norm_(model.parameters(), max_norm=10)
    optimizer.step()
    return loss.detach()


def right_with_evaluation(model, optimizer, x, y):
    model.train()
    model.zero_grad()
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    model.eval()
    with torch.no_grad():
        accuracy = (model(x).argmax(1) == y).float().mean()
    model.train()
    return accuracy


def right_evaluate(model, x, y):
    model.eval()
    with torch.no_grad():
        return (model(x).argmax(-1) == y).float().mean()


def right_masked(model, optimizer, x, y):
    optimizer.zero_grad()
    losses = F.cross_entropy(model(x).transpose(1, 2), y, reduction="none")
    (losses * (x != 0)).sum().backward()
    optimizer.step()
