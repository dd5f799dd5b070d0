"""Ten lines in a loop of one's own: the data, a layer and its initialiser, and torch for the rest."""

import torch

from unrolled import data, nn

torch.manual_seed(0)
task = data.DecimalPalindromes(length=10)
model = nn.SequenceClassifier(nn.LSTM(10, 64), symbols=10, classes=10, coding="one-hot")
model.initialise("xavier", forget_bias=1.0)
optimiser = torch.optim.Adam(model.parameters(), lr=5e-3)
draws = torch.Generator().manual_seed(1)
for step in range(201):
    batch = task.sample(128, draws)
    logits = model(batch.inputs)
    loss = torch.nn.functional.cross_entropy(logits, batch.targets)
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    if step % 50 == 0:
        accuracy = (logits.argmax(-1) == batch.targets).float().mean()
        print(f"step {step:3}  loss {loss.item():.3f}  accuracy {accuracy.item():.2f}")
