import torch
import torch.nn as nn
import torch.nn.functional as F


class BatchSoftmaxLSTM(nn.Module):
    """log_softmax over the batch"""

    def __init__(self, input_dim, hidden_dim, num_classes):
        super().__init__()
        self.lstm = nn.LSTM(input_dim, hidden_dim, batch_first=True)
        self.fc = nn.Linear(hidden_dim, num_classes)

    def forward(self, x):
        out, _ = self.lstm(x)
        return F.log_softmax(self.fc(out[:, -1, :]), dim=0)
