"""Many feeds on one local server: raw asyncio, so that the server is not what is measured."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
from collections.abc import Iterator
from multiprocessing.connection import Connection

ITEMS = 20
CHANGED = 5
"""Every fifth feed has a new item in each round after the first."""

_SENTENCE = "Officials said on Tuesday that the talks would go on, although no date had been given for the next round. "
_ITEM = (
    "<item><title>Report {n} of outlet {feed}</title><link>http://127.0.0.1:1/{feed}/{n}</link><guid>{feed}-{n}</guid>"
    "<pubDate>Tue, 04 Mar 2031 12:{minute:02}:00 GMT</pubDate><description>" + _SENTENCE * 4 + "</description></item>"
)
_FLASH = (
    "<item><title>Flash {n} of outlet {feed}</title><guid>{feed}-flash-{n}</guid><description>"
    + _SENTENCE
    + "</description></item>"
)


def feed_body(feed: int, turn: int) -> tuple[bytes, str]:
    """The feed's XML in this round and its ETag. A new item has no page, so that feeds are measured and not pages."""
    news = turn if feed % CHANGED == 0 else 0
    items = "".join(_FLASH.format(feed=feed, n=n) for n in range(news, 0, -1))
    items += "".join(_ITEM.format(feed=feed, n=n, minute=n) for n in range(ITEMS))
    start = "<?xml version='1.0' encoding='UTF-8'?><rss version='2.0'><channel>"
    xml = f"{start}<title>Outlet {feed}</title>{items}</channel></rss>"
    return xml.encode(), f'"{feed}-{news}"'


async def _serve(pipe: Connection) -> None:
    turn = [0]

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                path = head.split(b" ", 2)[1].decode()
                body, etag = feed_body(int(path.strip("/")), turn[0])
                if f"if-none-match: {etag}".encode() in head.lower():
                    writer.write(f"HTTP/1.1 304 Not Modified\r\nETag: {etag}\r\n\r\n".encode())
                    continue
                start = f"HTTP/1.1 200 OK\r\nContent-Type: application/rss+xml\r\nETag: {etag}\r\nContent-Length: {len(body)}"
                writer.write(start.encode() + b"\r\n\r\n" + body)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    pipe.send(server.sockets[0].getsockname()[1])
    loop = asyncio.get_running_loop()
    async with server:
        while (told := await loop.run_in_executor(None, pipe.recv)) is not None:
            turn[0] = told
            pipe.send(told)


def _main(pipe: Connection, core: int) -> None:
    os.sched_setaffinity(0, {core})
    asyncio.run(_serve(pipe))


class Feeds:
    """The server's other end: its port, and which round it is."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self.port: int = pipe.recv()

    def url(self, feed: int) -> str:
        """The address of a feed."""
        return f"http://127.0.0.1:{self.port}/{feed}"

    def turn(self, number: int) -> None:
        """Let the next round begin."""
        self._pipe.send(number)
        self._pipe.recv()


@contextlib.contextmanager
def serving(core: int) -> Iterator[Feeds]:
    """A server in a process of its own, on this core."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_main, args=(there, core), daemon=True)
    process.start()
    try:
        yield Feeds(here)
    finally:
        here.send(None)
        process.join(10)
        process.kill()
