"""python -m dnn_xp: the same as the command dnn-xp."""

import sys

from dnn_xp.cli import main

if __name__ == "__main__":
    sys.exit(main())
