"""The command line: the only place that prints.

`main` runs one command and returns its exit code: 0 done, 1 a bug (with its traceback), 2 a mistake that one
line on stderr explains, 130 interrupted. Each command is a file here, imported only when it is called, so
that ``--help`` and ``--version`` answer at once.
"""

from unrolled.cli.entry import main

__all__ = ["main"]
