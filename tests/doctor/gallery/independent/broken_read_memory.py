import torch
import torch.nn as nn


class ReadMemory(nn.Module):
    """reads the classes from c"""

    def __init__(self, vocab_size, embedding_dim, hidden_dim, num_classes):
        super().__init__()
        self.emb = nn.Embedding(vocab_size, embedding_dim)
        self.cell = nn.LSTMCell(embedding_dim, hidden_dim)
        self.fc = nn.Linear(hidden_dim, num_classes)
        self.hidden_dim = hidden_dim

    def forward(self, tokens):
        e = self.emb(tokens)
        h = e.new_zeros(e.size(0), self.hidden_dim)
        c = e.new_zeros(e.size(0), self.hidden_dim)
        for t in range(e.size(1)):
            h, c = self.cell(e[:, t], (h, c))
        return self.fc(c)
