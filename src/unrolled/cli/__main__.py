"""``python -m unrolled.cli``: the command line where no console script is on the path."""

import sys

from unrolled.cli.entry import main

if __name__ == "__main__":
    sys.exit(main())
