"""Runs a command in a pseudo-terminal and tells, as one line of JSON, what it drew and how it ended.

    python3 -B terminal.py [--size ROWSxCOLUMNS] [--interrupt-after WORD] COMMAND ARGUMENT ...

The terminal has 40 rows of 120 columns unless --size says otherwise. With --interrupt-after, Ctrl-C is typed once WORD has
been drawn.
"""

import fcntl
import json
import os
import pty
import select
import struct
import sys
import termios
import time

PATIENCE = 60


def main():
    arguments = sys.argv[1:]
    word, size = None, (40, 120)
    if arguments[0] == "--size":
        size, arguments = tuple(map(int, arguments[1].split("x"))), arguments[2:]
    if arguments[0] == "--interrupt-after":
        word, arguments = arguments[1].encode(), arguments[2:]
    child, terminal = pty.fork()
    if child == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
        os.environ["TERM"] = "xterm-256color"
        os.execv(arguments[0], arguments)
    drawn = watch(terminal, word)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    print(json.dumps({"drawn": drawn.decode(errors="replace"), "status": status}))


def watch(terminal, word):
    drawn, give_up_at = b"", time.monotonic() + PATIENCE
    while time.monotonic() < give_up_at:
        if not select.select([terminal], [], [], 0.5)[0]:
            continue
        try:
            piece = os.read(terminal, 65536)
        except OSError:
            break  # The other side has ended.
        if not piece:
            break
        drawn += piece
        if word and word in drawn:
            os.write(terminal, b"\x03")
            word = None
    return drawn


if __name__ == "__main__":
    main()
