import torch
import torch.nn as nn
import torch.nn.functional as F


class Net(nn.Module):
    def __init__(self, input_size, hidden_size, num_classes):
        super().__init__()
        self.gru = nn.GRU(input_size, hidden_size)
        self.out = nn.Linear(hidden_size, num_classes)

    def forward(self, x):
        y, h = self.gru(x)
        return self.out(h.squeeze(0))


class SoftNet(Net):
    def forward(self, x):
        return super().forward(x).softmax(dim=-1)


class Tagger(nn.Module):
    def __init__(self, vocab_size, hidden_size):
        super().__init__()
        self.emb = nn.Embedding(vocab_size, hidden_size)
        self.lstm = nn.LSTM(hidden_size, hidden_size, batch_first=True)
        self.out = nn.Linear(hidden_size, vocab_size)

    def forward(self, x):
        return self.out(self.lstm(self.emb(x))[0])


def step_a(net, optim, batch):
    xs, ys = batch
    optim.zero_grad()
    loss = nn.CrossEntropyLoss()(net(xs), ys)
    loss.backward()
    optim.step()
    return loss.item()


def step_b(net, optim, xs, ys):
    optim.zero_grad()
    loss = F.nll_loss(net(xs), ys)
    loss.backward()
    optim.step()


def step_c(model, opt, inputs, labels):
    loss = F.cross_entropy(model(inputs), labels)
    opt.zero_grad()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
    loss.backward()
    opt.step()
    return loss.detach()


def step_d(model, opt, inputs, labels):
    """by hand"""
    logits = model(inputs)
    logp = logits - logits.exp().sum(dim=1, keepdim=True).log()
    loss = -logp.gather(1, labels[:, None]).mean()
    loss.backward()
    opt.step()
    for p in model.parameters():
        p.grad.data.clamp_(-0.01, 0.01)
    opt.zero_grad()
    return loss


def step_e(model, opt, x, y):
    out = model(x)
    loss = F.cross_entropy(out.transpose(1, 2), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
    with torch.no_grad():
        acc = (model(x).argmax(-1) == y).float().mean()
    return acc


def accuracy(model, loader):
    right = total = 0
    for x, y in loader:
        right += (model(x).argmax(1) == y).sum().item()
        total += len(y)
    return right / total


def step_ok(model, optimizer, x, y, clip=1.0):
    model.train()
    for p in model.parameters():
        p.grad = None
    logits = model(x)
    logp = logits - logits.logsumexp(1, keepdim=True)
    loss = -logp[range(len(y)), y].mean()
    loss.backward()
    nn.utils.clip_grad_value_(model.parameters(), clip)
    optimizer.step()
    return float(loss)
