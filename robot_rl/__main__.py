"""`python3 -m robot_rl`: the command line where its script is not on the path."""

from __future__ import annotations

import sys

from robot_rl.cli import main

if __name__ == '__main__':
    sys.exit(main())
