"""The page's server, spoken to by clients that are no browser and seldom polite."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
import json
import socket
import time
from typing import Any

import pytest

aiohttp = pytest.importorskip('aiohttp')

from robot_rl.errors import TeleopError
from robot_rl.teleop.stick import Button
from robot_rl.teleop.web.pilot import WebPilot

TOKEN = 'a-token-for-the-tests'


class Client:
    """A client that answers ticks as it is told to."""

    def __init__(self, link: Any) -> None:
        self.link, self.echo, self.tick = link, 0, {}

    async def say(self, **what: Any) -> None:
        await self.link.send_str(json.dumps(what))

    async def hear(self) -> Any:
        """The next tick; ConnectionError with the reason once the server has hung up."""
        while True:
            message = await self.link.receive(timeout=10.0)
            if message.type is aiohttp.WSMsgType.TEXT:
                said = json.loads(message.data)
                if said['t'] == 'tick':
                    self.echo, self.tick = said['n'], said
                    return said
            elif message.type is not aiohttp.WSMsgType.BINARY:
                raise ConnectionError(f'{self.link.close_code} {message.extra}')

    async def hold(self, held: bool, seconds: float, motion: tuple = (0.5, 0.0)) -> None:
        """Answer each tick for a while."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            await self.hear()
            await self.say(t='here', echo=self.echo, held=held, motion=motion)

    async def drive(self, name: str = 'Ada', seconds: float = 0.3) -> None:
        await self.say(t='hello', token=TOKEN, name=name)
        await self.say(t='ask')
        await self.hold(False, 0.2)
        await self.hold(True, seconds)


def visit(reader: Any, *talks: Callable[[Client], Awaitable[None]], **headers: str) -> list[str]:
    """Let clients talk at the same time; returns why each was hung up on, or ''."""
    address = f'http://127.0.0.1:{reader.pilot._server.port}'

    async def one(session: Any, talk: Callable[[Client], Awaitable[None]]) -> str:
        options = {'headers': {'Origin': address, **headers}}
        async with session.ws_connect(f'{address}/ws', **options) as link:
            try:
                await talk(Client(link))
            except ConnectionError as error:
                return str(error)
        return ''

    async def all_of_them() -> list[str]:
        async with aiohttp.ClientSession() as session:
            return await asyncio.gather(*(one(session, talk) for talk in talks))

    return asyncio.run(all_of_them())


def test_a_person_takes_over_and_lets_go(serve: Callable) -> None:
    reader, told = serve(), []

    async def talk(client: Client) -> None:
        await client.drive()
        told.append(reader.stick)
        await client.say(t='press', button='success')
        await client.hold(False, 0.2)
        told.append(reader.stick)

    assert visit(reader, talk) == ['']
    held, open_ = told
    assert held.held and held.motion == (0.5, 0.0) and held.operator == 'Ada'
    assert time.monotonic() - 5.0 < held.stamp <= time.monotonic()
    assert not open_.held and open_.motion == (0.0, 0.0)
    assert reader.pressed == [Button.SUCCESS]
    reader.until(lambda: reader.stick is None)


async def _wrong_token(client: Client) -> None:
    await client.say(t='hello', token=TOKEN[:-1], name='')
    await client.hear()


async def _no_hello(client: Client) -> None:
    await client.say(t='ask')
    await client.hear()


async def _silence(client: Client) -> None:
    await client.hear()


@pytest.mark.parametrize(
    ('talk', 'reason'),
    [(_wrong_token, 'wrong token'), (_no_hello, 'says hello first'), (_silence, 'no hello')],
)
def test_a_stranger_is_not_let_in(serve: Callable, talk: Callable, reason: str) -> None:
    reader = serve()
    (told,) = visit(reader, talk)
    assert told.startswith('1008') and reason in told
    assert reader.stick is None


def test_another_site_is_not_let_in(serve: Callable) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError, match='403'):
        visit(serve(), _silence, Origin='http://evil.example')


@pytest.mark.parametrize(
    ('words', 'reason'),
    [
        ('{"t":"here","echo":0,"held":true,"motion":[1e400,0]}', 'within -1 and 1'),
        ('{"t":"here","echo":99999999,"held":true,"motion":[0,0]}', 'still to come'),
        ('garbage', 'not JSON'),
        (b'\x80\x04K\x01.', 'no text'),
        ('"' + 'x' * 3000 + '"', '1009'),
    ],
)
def test_garbage_ends_it_and_opens_the_hand(
    serve: Callable, words: str | bytes, reason: str
) -> None:
    reader = serve()

    async def talk(client: Client) -> None:
        await client.drive()
        assert reader.held
        send = client.link.send_str if isinstance(words, str) else client.link.send_bytes
        await send(words)
        while True:
            await client.hold(True, 1.0)

    (told,) = visit(reader, talk)
    assert reason in told
    reader.until(lambda: reader.stick is None)


def test_a_flood_ends_it_and_opens_the_hand(serve: Callable) -> None:
    reader = serve()

    async def talk(client: Client) -> None:
        await client.drive()
        for _ in range(1000):
            await client.say(t='here', echo=client.echo, held=True, motion=[1, 0])
        while True:
            await client.hear()

    (told,) = visit(reader, talk)
    assert 'more than 200 messages a second' in told
    reader.until(lambda: reader.stick is None)


@pytest.mark.timed
def test_messages_that_come_late_open_the_hand_in_time(serve: Callable) -> None:
    """A link whose delay grows: messages keep coming, ever older."""
    reader, late = serve(), []

    async def talk(client: Client) -> None:
        await client.drive()
        old = client.echo
        began = time.monotonic()
        while time.monotonic() < began + 0.5:
            await client.hear()
            await client.say(t='here', echo=old, held=True, motion=[1, 0])
        late.append(reader.opened - began)
        await client.hold(True, 0.3)  # the link is quick again, and the hand still closed
        assert not reader.held and client.tick['lapsed']
        await client.hold(False, 0.2)
        await client.hold(True, 0.3)
        assert reader.held

    assert visit(reader, talk) == ['']
    assert 0.0 < late[0] < 0.2


def test_the_second_watches_and_may_stop(serve: Callable) -> None:
    reader, seen = serve(), {}

    async def ada(client: Client) -> None:
        await client.drive('Ada', seconds=1.2)

    async def ben(client: Client) -> None:
        await asyncio.sleep(0.3)
        await client.drive('Ben', seconds=0.3)
        seen.update(client.tick)
        seen['operator'] = reader.stick.operator
        await client.say(t='press', button='failure')
        await client.say(t='press', button='stop')
        await client.hold(True, 0.2)

    assert visit(reader, ada, ben) == ['', '']
    assert seen['pilot'] == seen['operator'] == 'Ada' and not seen['yours'] and not seen['free']
    assert seen['asking'] == ['Ben'] and seen['visitors'] == 2
    assert reader.pressed == [Button.STOP]


def test_the_page_is_one_text_that_loads_nothing(serve: Callable) -> None:
    reader = serve()

    async def get() -> tuple[Any, str]:
        address = f'http://127.0.0.1:{reader.pilot._server.port}/'
        async with aiohttp.ClientSession() as session, session.get(address) as answer:
            return answer.headers, await answer.text()

    headers, text = asyncio.run(get())
    rules = headers['Content-Security-Policy']
    assert "default-src 'none'" in rules and 'unsafe' not in rules
    assert TOKEN not in text and '{{' not in text
    assert not any(word in text for word in ('https://', 'src=', '@import', 'eval('))


def test_an_address_that_cannot_be_had_is_told(serve: Callable) -> None:
    port = serve().pilot._server.port
    with pytest.raises(TeleopError, match=f'port {port} is taken already'):
        WebPilot('jackal', ('speed',), port=port)
    with pytest.raises(TeleopError, match='cannot be had'):
        WebPilot('jackal', ('speed',), host='192.0.2.1', port=0)
    with socket.create_connection(('127.0.0.1', port)):
        pass  # the first still listens
