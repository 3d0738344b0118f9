"""Starts programs of one interpreter by forking: what they import is there already.

    python fork_server.py SOCKET MODULE...

serves a Unix socket. A connection is a run: a line of JSON names what to run, where its output goes
and its environment; the answers are its process id, and in the end its status.
"""

import contextlib
import importlib
import json
import os
import runpy
import signal
import socket
import sys

DIED = 127


def main(address: str, modules: list[str]) -> None:
    for name in modules:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that serve a run
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(address)
        server.listen(64)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while True:
            connection, _ = server.accept()
            if os.fork() == 0:
                server.close()
                serve(connection)
                os._exit(0)
            connection.close()


def serve(connection: socket.socket) -> None:
    """Fork once more, and tell how that ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    run = json.loads(connection.makefile("rb").readline())
    pid = os.fork()
    if pid == 0:
        connection.close()
        become(**run)
    connection.sendall(f"{pid}\n".encode())
    _, status = os.waitpid(pid, 0)
    with contextlib.suppress(OSError):  # nobody may be interested
        connection.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())


def become(argv: list[str], env: dict[str, str], stdout: str, stderr: str) -> None:
    """Run a program as if the interpreter had been started with it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(env)
    for number, path in enumerate(("/dev/null", stdout, stderr)):
        os.dup2(os.open(path, os.O_RDWR | os.O_CREAT, 0o666), number)
    sys.argv = argv
    status = DIED
    try:
        runpy.run_path(argv[0], run_name="__main__")
        status = 0
    except SystemExit as error:
        status = int(error.code or 0)
    except BaseException as error:  # noqa: BLE001 (as the interpreter does)
        sys.excepthook(type(error), error, error.__traceback__)
        status = 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
