"""A person at the page, who corrects a simulated robot that practises in the same process."""

from __future__ import annotations

import asyncio
import json
import threading

import pytest

aiohttp = pytest.importorskip('aiohttp')
torch = pytest.importorskip('torch')
pytest.importorskip('mujoco')
pytest.importorskip('mcap')

from robot_rl.commands.seats import Sitting
from robot_rl.data.episodes import EpisodeWriter, header_of
from robot_rl.envs.engines import make_env
from robot_rl.errors import TeleopError
from robot_rl.learn.pace import Pace
from robot_rl.learn.practice import Practice
from robot_rl.spec import registry

TASK = registry.task('insert-panda')


class Visitor:
    """A page of no browser: holds from its 20th tick on, presses success after its 60th."""

    def __init__(self, address: str) -> None:
        self.address, self.heard = address, {}
        self.frames = 0
        self.ended = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._visit()))
        self._thread.start()

    async def _visit(self) -> None:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f'{self.address}/ws', headers={'Origin': self.address}) as link,
        ):
            await link.send_str(json.dumps({'t': 'hello', 'token': '', 'name': 'anna'}))
            await link.send_str(json.dumps({'t': 'ask'}))
            ticks = 0
            while not self.ended.is_set():
                message = await link.receive(timeout=20.0)
                if message.type is aiohttp.WSMsgType.BINARY:
                    self.frames += message.data[:1] == b'F'
                    continue
                said = json.loads(message.data)
                self.heard.setdefault(said['t'], []).append(said)
                if said['t'] != 'tick':
                    continue
                ticks += 1
                hand = {'held': ticks > 20, 'motion': [0.0, 0.0, -0.1, 0.0, 0.0, 0.0]}
                await link.send_str(json.dumps({'t': 'here', 'echo': said['n'], **hand}))
                if ticks == 60:
                    await link.send_str(json.dumps({'t': 'press', 'button': 'success'}))

    def close(self) -> None:
        self.ended.set()
        self._thread.join()


def test_a_page_takes_over_says_success_and_sees_how_it_goes(tmp_path, capsys):
    env = make_env(TASK, 'mujoco', 1, seed=0)
    writer = EpisodeWriter(tmp_path / 'a.mcap', header_of(TASK, 'online', 'a test'))
    with Sitting(page='127.0.0.1:0').seat('insert-panda', 'web', None) as seat:
        address = capsys.readouterr().out.split()[-1].rstrip('/')
        practice, pace = Practice(env, seat, writer), Pace(TASK.control_dt)
        visitor = Visitor(address)
        try:
            episode, tally = practice.episode(lambda _: torch.zeros(1, 6), pace.wait)
            periods = iter(range(20, -1, -1))  # 2 s, in which the curves come
            practice.episode(
                lambda _: torch.zeros(1, 6), lambda: (pace.wait(), next(periods) == 0)[1]
            )
        finally:
            visitor.close()
    writer.close()
    driven = episode.person.nonzero()[0]
    assert len(driven) and {episode.operators[step] for step in driven} == {'anna'}
    assert tally.success and tally.why == 'success' and episode.labels[-1].what == 'success'
    assert episode.setpoint[driven[-1], 2] == pytest.approx(-0.1 * 0.4, rel=0.05)
    heard = visitor.heard
    assert {said['driver'] for said in heard['status']} >= {'policy', 'person'}
    assert heard['status'][-1]['episode'] == 2 and 'Episode 1: done' in heard['status'][-1]['note']
    assert set(heard['curves'][-1]['curves']) == {'success', 'return', 'intervention rate'}
    pytest.importorskip('numba')
    assert heard['about'][0]['scene'] and visitor.frames > 10
    assert len(heard['around']) >= 2, 'each episode has a hole of its own'
    assert len(heard['around'][0]['items']) == 5
    assert heard['around'][0]['meshes'] != heard['around'][-1]['meshes']


def test_an_address_is_a_host_and_a_port():
    for wrong in ('8080', 'host:', 'host:http', ':1', 'host:99999'):
        with (
            pytest.raises(TeleopError, match='HOST:PORT'),
            Sitting(page=wrong).seat('insert-panda', 'web', None),
        ):
            pass
