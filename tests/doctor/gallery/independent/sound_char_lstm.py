import torch
import torch.nn as nn


class CharLSTM(nn.Module):
    """Language model with its own embedding; returns logits for every position."""

    def __init__(self, vocab_size, embed_size, hidden_size, dropout=0.3):
        super().__init__()
        self.embed = nn.Embedding(vocab_size, embed_size)
        self.drop = nn.Dropout(dropout)
        self.ingate = nn.Linear(embed_size + hidden_size, hidden_size)
        self.forgetgate = nn.Linear(embed_size + hidden_size, hidden_size)
        self.outgate = nn.Linear(embed_size + hidden_size, hidden_size)
        self.cellgate = nn.Linear(embed_size + hidden_size, hidden_size)
        self.decoder = nn.Linear(hidden_size, vocab_size)
        self.hidden_size = hidden_size
        nn.init.ones_(self.forgetgate.bias)

    def init_hidden(self, batch_size):
        w = self.decoder.weight
        return w.new_zeros(batch_size, self.hidden_size), w.new_zeros(batch_size, self.hidden_size)

    def forward(self, tokens, hidden=None):
        emb = self.drop(self.embed(tokens))
        h, c = hidden if hidden is not None else self.init_hidden(tokens.size(0))
        logits = []
        for e in emb.unbind(1):
            v = torch.cat([e, h], 1)
            i, f, o = (torch.sigmoid(m(v)) for m in (self.ingate, self.forgetgate, self.outgate))
            c = f * c + i * torch.tanh(self.cellgate(v))
            h = o * torch.tanh(c)
            logits.append(self.decoder(self.drop(h)))
        return torch.stack(logits, 1), (h, c)
