"""The root command and its table of commands; nothing here imports torch."""

from __future__ import annotations

from cyclopts import App, Group

from unrolled.version import __version__

__all__ = ["COMMANDS", "app"]

COMMANDS = {
    "train": "Train a network on a task, and keep the run.",
    "sweep": "Train many runs, from lists of options.",
    "generate": "Write text with a trained character model.",
    "report": "Draw runs into one HTML file.",
    "graph": "Look at a graph: exact matrices, distances, attention.",
    "runs": "List the runs of a folder.",
    "gradients": "Show what of a loss reaches each state and step.",
    "reach": "Show how far back a network hears.",
    "memory": "Draw how much networks remember against a task's size.",
    "horizon": "Find the longest that a network still solves.",
    "reproduce": "Put every published number beside a measured one.",
    "derive": "Check a gradient written on paper against autograd.",
    "doctor": "Name what is wrong with a cell or layer of your own.",
    "data": "List and fetch the registered texts and graphs.",
    "info": "Show versions, kernels, devices and the cache.",
}
"""Every command with its one line, in the order in which one meets them."""

_INTRODUCTION = "Recurrent networks that train fast, that you can see through, and whose numbers you can trust."

_EXAMPLES = """\
Start here:

  unrolled generate
      A model that comes with the package tells a tale; nothing to fetch.
  unrolled train palindromes
      An LSTM learns to remember the first of ten digits. A minute.
  unrolled train palindromes --cell rnn --length 20 --name forgetful
      The same with a plain RNN and twenty. See it struggle.
  unrolled report forgetful --out report.html
      What it learnt, as a page for the browser.
  unrolled train text --source my-novel.txt --name novel
      A character model of any text file.
  unrolled generate novel --prompt "It was" --length 300 --temperature 0.5
      Let it write.
  unrolled graph "A-B A-E A-F B-D C-D D-F"
      A graph's matrices, exactly.
  unrolled train nodes --graph cora
      A graph network learns the topics of papers.
  unrolled reproduce --budget quick
      Every published number beside a measured one, in minutes.

unrolled COMMAND --help shows the options, with the defaults of each task.
"""

app = App(
    name="unrolled",
    help=_INTRODUCTION,
    help_epilogue=_EXAMPLES,
    help_format="plaintext",
    version=f"unrolled {__version__}",
    version_format="plaintext",
    group_commands=Group("Commands", sort_key=0),
    suppress_keyboard_interrupt=False,
)

_EXAMPLES_OF = {
    "generate": """\
Examples:

  unrolled generate --prompt "Sleeping beauty is"       the model in the package
  unrolled generate novel --length 500 --temperature 0.8 --top-p 0.95
  unrolled generate novel --tau 2                       the course's exp(2p)
  unrolled generate novel --prompt "It was" --beam 8 --until .
  unrolled generate novel --samples 5 --json            for programs
  unrolled generate --interactive
""",
    "report": """\
Examples:

  unrolled report mine --out report.html
  unrolled report runs/mine runs/forgetful
""",
    "graph": """\
Examples:

  unrolled graph "A-B A-E A-F B-D C-D D-F" --from C --to E --hops 5
  unrolled graph course-2019 --attention random --svg course-2019.svg
  unrolled graph karate
  unrolled graph edges.csv --json
""",
    "runs": """\
Examples:

  unrolled runs --sql "DESCRIBE runs"  every column there is
  unrolled runs --sql "SELECT cell, avg(accuracy) FROM runs GROUP BY ALL"
  unrolled runs --sql "SELECT * FROM metrics WHERE run = 'mine'" --csv
""",
    "gradients": """\
Examples:

  unrolled gradients --cell rnn --scale 0.5        untrained, over 100 digits
  unrolled gradients mine --out report.html        a run, at first and now
  unrolled gradients mine --cell my_cell.py:Mine   the same of your own cell
  unrolled gradients --cell lstm --phase           where they vanish or explode
""",
    "reach": """\
Examples:

  unrolled reach --cell rnn --ring 16              an RNN over 100 digits, a GCN
                                                   over a ring of 100 nodes
  unrolled reach mine --replacement --out reach.html
""",
    "memory": """\
Examples:

  unrolled memory --cell rnn,lstm --size 5:30:5 --seeds 3
      Trains 36 runs, then draws them. Stopped, the same command goes on.
  unrolled memory --results memory.parquet --no-train --out memory.html
      What a file of results holds already.
  unrolled memory adding --cell lstm,path/to/file.py:MyCell
  unrolled memory --switches 20 --cell lstm --seeds 3
      What sets it: initialisation, input, forget bias … one at a time.

Settings: published are report A's (N(0, 1) everywhere, the digit as one number)
or the course's; healthy ones are one-hot, Xavier, forget bias 1; long ones
orthogonal, chrono, clipped at 1, with a curriculum.
""",
    "horizon": """\
Examples:

  unrolled horizon --cell rnn,lstm
  unrolled horizon --cell lstm --settings long --first 100 --need 3
  unrolled horizon copying --cell gru --precision 0.05 --json
""",
    "reproduce": """\
Examples:

  unrolled reproduce                                all claims, shortened
  unrolled reproduce palindromes --budget full      one claim as published
  unrolled reproduce --cell path/to/file.py:MyCell  a cell of yours joins them
""",
    "derive": """\
Examples:

  unrolled derive "dL/dW_ph = (yhat - y) h[T]^T"
  unrolled derive "dL/dW_hh = sum(k=1..T, outer(diag(1-h[k]) delta[k], h[k-1]))"
  unrolled derive "dL/dc[t] = dL/dc[t+1] .* f[t+1]" --model lstm
  unrolled derive --example report-a-W_hh
  unrolled derive --file homework.tex --model gru

The language: a space or * multiplies matrices, .* or ⊙ element by element;
^T transposes; h[t-1] or h_{t-1} is a step; sum(k=1..T, ...), prod(j=T..k, ...);
diag, outer, tanh, sigma, softmax, kron(i,j); dL/dh[t] may stand on the right.
""",
    "doctor": """\
Examples:

  unrolled doctor my_cell.py:MyLSTM --as lstm
  unrolled doctor my_cell.py:MyLSTM --as lstm --step my_cell.py:train_step
  unrolled doctor my_layer.py:MyGCN --as gcn --json

The file is run, in a separate process with a time limit. Exit code: 0 sound,
1 something is wrong, 2 it could not be judged.
""",
    "info": "",
}

for _position, (_name, _line) in enumerate(COMMANDS.items()):
    if _name in _EXAMPLES_OF:
        app.command(
            f"unrolled.cli.{_name}:{_name}",
            name=_name,
            help=_line,
            help_epilogue=_EXAMPLES_OF[_name],
            sort_key=_position,
        )
    else:  # a command with commands of its own
        app.command(f"unrolled.cli.{_name}:app", name=_name, help=_line, sort_key=_position)
app.register_install_completion_command(help="Install completion for your shell.")
