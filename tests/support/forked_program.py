"""Program on PATH whose work a fork does.

It asks the fork server for a child, and ends as the child does. It is written into files that are run without `site`
and without the environment of Python, since its start is what it saves. A command whose environment says something to
the interpreter itself is run as a process of its own.
"""

import json
import os
import signal
import socket
import sys

# VALUES


def is_for_interpreter(name: str) -> bool:
    return name.startswith(tuple(READ_AT_START)) and name not in GIVEN_TO_FORKS  # noqa: F821


def main() -> None:
    said = {name: value for name, value in os.environ.items() if is_for_interpreter(name)}
    if said != AT_START:  # noqa: F821
        os.execv(REAL[0], [*REAL, *sys.argv[1:]])  # noqa: F821
    request = {
        "program": os.path.basename(sys.argv[0]),  # noqa: PTH119 - pathlib takes as long to import as all the rest
        "arguments": sys.argv[1:],
        "cwd": os.getcwd(),  # noqa: PTH109
        "environment": dict(os.environ),
        "is_stopped": False,
    }
    asked = os.memfd_create("request")
    os.write(asked, json.dumps(request).encode())
    os.lseek(asked, 0, os.SEEK_SET)
    told, tells = os.pipe()
    server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    server.connect(SERVER)  # noqa: F821
    socket.send_fds(server, [b"r"], [asked, 0, 1, 2, tells])
    os.close(tells)
    with os.fdopen(told) as answers:
        child = json.loads(answers.readline())["pid"]
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda number, _: os.kill(child, number))
        code = json.loads(answers.readline())["code"]
    if code < 0:
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    sys.exit(code)


main()
