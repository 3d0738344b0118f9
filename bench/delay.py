"""A long line to a server: what it sends comes later."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import signal
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

_BLOCK = 1 << 16


class Delay:
    """A proxy in a process of its own. In a `with` block, programs use it as huggingface.co.

    Args:
        url: Of the server.
        seconds: By which everything that it sends is late, also the answer to a first request.
    """

    def __init__(self, url: str, seconds: float) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_run, args=(url, seconds, theirs), daemon=True)
        self._process.start()
        theirs.close()
        self.url = f"http://127.0.0.1:{self._pipe.recv()}"
        self._before = ""

    def __enter__(self) -> Delay:  # noqa: PYI034 (Self is new in Python 3.11)
        self._before = os.environ["HF_ENDPOINT"]
        os.environ["HF_ENDPOINT"] = self.url
        return self

    def __exit__(self, *_: object) -> None:
        os.environ["HF_ENDPOINT"] = self._before
        self._process.terminate()
        self._process.join()
        self._pipe.close()


def _run(url: str, seconds: float, pipe: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # our parent ends us
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    asyncio.run(_serve(urlsplit(url).netloc, seconds, pipe))


async def _serve(server: str, seconds: float, pipe: Connection) -> None:
    host, _, port = server.rpartition(":")

    async def connected(client: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
        there, requests = await asyncio.open_connection(host, int(port))
        await asyncio.gather(_pass_on(client, requests, 0), _pass_on(there, answers, seconds))

    listening = await asyncio.start_server(connected, "127.0.0.1", 0)
    pipe.send(listening.sockets[0].getsockname()[1])
    await listening.serve_forever()


async def _pass_on(
    source: asyncio.StreamReader, target: asyncio.StreamWriter, seconds: float
) -> None:
    """Pass on all bytes, each so many seconds after it has come."""
    pending: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
    clock = asyncio.get_running_loop().time

    async def read() -> None:
        data = b" "
        while data:
            with contextlib.suppress(ConnectionError):
                data = await source.read(_BLOCK)
            await pending.put((clock() + seconds, data))

    reading = asyncio.create_task(read())
    with contextlib.suppress(ConnectionError):
        while True:
            due, data = await pending.get()
            if due > clock():
                await asyncio.sleep(due - clock())
            if not data:
                break
            target.write(data)
            await target.drain()
    reading.cancel()
    target.close()
