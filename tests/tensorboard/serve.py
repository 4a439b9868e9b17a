"""Several TensorBoards in one process, which loads them once: `python serve.py '[["--logdir", "logs"], ...]'`.

Prints their addresses as JSON, and ends when its input does.
"""

from __future__ import annotations

import json
import logging
import sys

from tensorboard import default, program


def main() -> None:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    addresses = []
    for flags in json.loads(sys.argv[1]):
        board = program.TensorBoard(default.get_plugins())
        board.configure(["tensorboard", "--host", "127.0.0.1", "--port", "0", *flags])
        addresses.append(board.launch())
    sys.stdout.write(json.dumps(addresses) + "\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main()
