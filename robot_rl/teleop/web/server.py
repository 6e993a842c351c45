"""The server of the page: an event loop in a thread of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
import contextlib
from dataclasses import asdict
import errno
import json
from pathlib import Path
import ssl
import threading
import time

from aiohttp import WSCloseCode, WSMsgType, web

from robot_rl.errors import TeleopError
from robot_rl.teleop.web.board import Board
from robot_rl.teleop.web.desk import Desk, Visitor
from robot_rl.teleop.web.gate import Gate
from robot_rl.teleop.web.page import page
from robot_rl.teleop.web.words import MOST_BYTES, Hello, NonsenseError, read

TICK_S = 1.0 / 30.0
"""[s] between two ticks, which pages answer."""
MOST_RATE = 200
"""Messages of one visitor within a second; an honest page sends 30 and some."""
MOST_VISITORS = 32
HELLO_S = 2.0
"""[s] to say hello in."""
LOST_S = 3.0
"""[s] without a message, and a visitor is gone."""
SPARSE = {'status': 3, 'curves': 15, 'around': 3}
"""Ticks at least between two of them."""


class Server:
    """Serves the page and talks with its visitors until it is closed."""

    def __init__(
        self,
        desk: Desk,
        board: Board,
        gate: Gate,
        about: dict[str, object],
        address: tuple[str, int],
        certificate: tuple[Path, Path] | None = None,
    ) -> None:
        """Listen, or raise TeleopError. `about` is what every visitor is told first, as JSON."""
        self.desk, self.board, self.gate = desk, board, gate
        self.port = address[1]
        self._about = json.dumps({'t': 'about', **about}, allow_nan=False)
        self._text, self._headers = page()
        self._sockets: set[web.WebSocketResponse] = set()
        self._end: Callable[[], object] = int
        self._ready = threading.Event()
        self._failure: OSError | None = None
        secure = _secure(certificate)
        self._thread = threading.Thread(
            target=self._run, args=(address, secure), name='teleop page', daemon=True
        )
        self._thread.start()
        self._ready.wait()
        if self._failure is not None:
            self._thread.join()
            raise _refused(address, self._failure)

    def close(self) -> None:
        """Hang up on everybody and stop listening."""
        if self._thread.is_alive():
            self._end()
            self._thread.join(timeout=5.0)

    def _run(self, address: tuple[str, int], secure: ssl.SSLContext | None) -> None:
        try:
            asyncio.run(self._serve(address, secure))
        finally:
            self._ready.set()

    async def _serve(self, address: tuple[str, int], secure: ssl.SSLContext | None) -> None:
        loop, end = asyncio.get_running_loop(), asyncio.Event()
        self._end = lambda: loop.call_soon_threadsafe(end.set)
        app = web.Application(client_max_size=1024)
        app.router.add_get('/', self._page)
        app.router.add_get('/ws', self._socket)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        try:
            site = web.TCPSite(runner, *address, ssl_context=secure)
            await site.start()
            self.port = runner.addresses[0][1]
            self._ready.set()
            await end.wait()
            await asyncio.gather(*(_hang_up(socket, 'the page ends') for socket in self._sockets))
        except OSError as error:
            self._failure = error
        finally:
            await runner.cleanup()
            await asyncio.sleep(0.01)  # connections are closed in the next rounds of the loop

    async def _page(self, _request: web.Request) -> web.Response:
        return web.Response(body=self._text, headers=self._headers)

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        """One visitor, from their hello to the end."""
        if not self.gate.trusts(request.headers.get('Origin'), request.headers.get('Host')):
            text = 'Only the page that this address serves may connect.'
            return web.Response(status=403, text=text)
        if len(self._sockets) >= MOST_VISITORS:
            return web.Response(status=503, text=f'There are {MOST_VISITORS} visitors already.')
        socket = web.WebSocketResponse(max_msg_size=MOST_BYTES, compress=False, autoping=False)
        await socket.prepare(request)
        self._sockets.add(socket)
        try:
            await self._talk(socket)
        except NonsenseError as error:
            await _hang_up(socket, str(error))
        except ConnectionResetError:
            pass  # they are gone
        finally:
            self._sockets.discard(socket)
            if request.transport is not None:  # whoever takes nothing more keeps nothing open
                request.transport.abort()
        return socket

    async def _talk(self, socket: web.WebSocketResponse) -> None:
        """Raises NonsenseError, for which to hang up."""
        try:
            hello = read(await asyncio.wait_for(_text(socket), HELLO_S), self.desk.axes)
        except asyncio.TimeoutError:
            raise NonsenseError('no hello was said') from None
        if not isinstance(hello, Hello):
            raise NonsenseError('a visitor says hello first')
        if not self.gate.knows(hello.token):
            await asyncio.sleep(0.2)
            raise NonsenseError('wrong token')
        visitor = Visitor(hello.name)
        self.desk.enter(visitor)
        telling = asyncio.create_task(self._tell(socket, visitor))
        try:
            await self._listen(socket, visitor)
        finally:
            self.desk.leave(visitor)
            telling.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionError):
                await telling

    async def _listen(self, socket: web.WebSocketResponse, visitor: Visitor) -> None:
        """Hear a visitor out; returns when they are gone. Raises NonsenseError."""
        began, count = time.monotonic(), 0
        while True:
            try:
                said = read(await asyncio.wait_for(_text(socket), LOST_S), self.desk.axes)
            except asyncio.TimeoutError:
                raise NonsenseError(f'nothing was heard for {LOST_S:g} s') from None
            now = time.monotonic()
            began, count = (began, count + 1) if now - began <= 1.0 else (now, 1)
            if count > MOST_RATE:
                raise NonsenseError(f'more than {MOST_RATE} messages a second')
            if isinstance(said, Hello):
                raise NonsenseError('hello was said before')
            self.desk.hear(visitor, said, now)

    async def _tell(self, socket: web.WebSocketResponse, visitor: Visitor) -> None:
        """Keep one visitor up to date; a slow one gets fewer pictures, and keeps nobody waiting.

        A picture is sent when the one before has arrived, which the answer to a later tick shows:
        there is never a queue of them before the ticks.
        """
        shown = {'status': -1, 'curves': -1, 'around': 0, 'picture': 0}
        sent = dict.fromkeys(SPARSE, -1000)
        awaited = -1
        await socket.send_str(self._about)
        while not socket.closed:
            now = time.monotonic()
            number = self.desk.tick(now)
            await socket.send_str(self._tick(visitor, number, now))
            versions = self.board.versions()
            for part, spacing in SPARSE.items():
                if versions[part] != shown[part] and number - sent[part] >= spacing:
                    shown[part], sent[part] = versions[part], number
                    await socket.send_str(self._part(part))
            if versions['picture'] != shown['picture'] and visitor.echo >= awaited:
                shown['picture'], awaited = versions['picture'], number + 1
                await socket.send_bytes(self.board.picture())
            await asyncio.sleep(max(0.0, now + TICK_S - time.monotonic()))

    def _tick(self, visitor: Visitor, number: int, now: float) -> str:
        standing = asdict(self.desk.standing(visitor, now))
        mine = {'name': visitor.name, 'ms': round(1000.0 * visitor.round_s, 1)}
        return json.dumps({'t': 'tick', 'n': number, **mine, **standing})

    def _part(self, part: str) -> str:
        said = {
            'status': lambda: asdict(self.board.status()),
            'curves': lambda: {'curves': self.board.curves()},
            'around': self.board.around,
        }
        return json.dumps({'t': part, **said[part]()}, allow_nan=False)


async def _text(socket: web.WebSocketResponse) -> str:
    """The next message. Raises NonsenseError if it is no text, ConnectionResetError at the end."""
    message = await socket.receive()
    if message.type is WSMsgType.TEXT:
        return message.data
    if message.type in (WSMsgType.BINARY, WSMsgType.PING, WSMsgType.PONG):
        raise NonsenseError('a message is no text')
    raise ConnectionResetError


async def _hang_up(socket: web.WebSocketResponse, reason: str) -> None:
    """Close; a visitor who does not take notice keeps nobody waiting."""
    closing = socket.close(code=WSCloseCode.POLICY_VIOLATION, message=reason.encode()[:120])
    with contextlib.suppress(ConnectionError, asyncio.TimeoutError):
        await asyncio.wait_for(closing, HELLO_S)


def _secure(certificate: tuple[Path, Path] | None) -> ssl.SSLContext | None:
    if certificate is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(*certificate)
    except (OSError, ssl.SSLError) as error:
        raise TeleopError(
            f'{certificate[0]} and {certificate[1]} are no certificate and key: {error}. '
            'Expected two PEM files that belong together: give those.'
        ) from None
    return context


def _refused(address: tuple[str, int], error: OSError) -> TeleopError:
    host, port = address
    what = 'is taken already' if error.errno == errno.EADDRINUSE else f'cannot be had: {error}'
    return TeleopError(
        f'The address {host}, port {port} {what}. It must be one of this machine that nobody '
        'listens at: choose another --port or --host, or 0 for any free port.'
    )
