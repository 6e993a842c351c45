"""Acting and learning in processes of their own, from the folder of one run.

Whoever comes first waits for the other. Each may die and be started again at any moment: what was
practised is in the files of the one who acts, which the learner reads again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
import signal
import threading
import time
from typing import Any

import torch

from robot_rl.data.episodes import EpisodeWriter, header_of
from robot_rl.envs.engines import make_env
from robot_rl.errors import RunFolderError
from robot_rl.learn import link
from robot_rl.learn.actor import Actor
from robot_rl.learn.config import ActConfig, HilConfig
from robot_rl.learn.hil import config_told, person_of, shown
from robot_rl.learn.learner import EPISODES, Learner, token_of
from robot_rl.learn.practice import Practice
from robot_rl.learn.rlpd import Rlpd, RlpdConfig
from robot_rl.learn.run_folder import RunFolder, read_config
from robot_rl.learn.student import Student
from robot_rl.spec import registry
from robot_rl.spec.engines import engine_for

WAIT_S = 60.0
"""[s] that who acts waits for the folder of a run."""


def learn_apart(config: HilConfig, address: str, token: str, root: Path = Path('runs')) -> Path:
    """Learn from whoever acts, until Ctrl-C or for `config.steps` of practice; the run folder.

    A folder that holds a run of the same task goes on. Raises as hil.learn does.
    """
    torch.set_num_threads(config.threads)
    task = registry.task(config.task)
    config = replace(config, engine=engine_for(task.robot, config.engine))
    path = root / (config.name or f'{task.id}-apart')
    demonstrations = list(shown(task, config.demos))
    again = (path / 'config.json').exists()
    if again and read_config(path)['task'] != task.id:
        raise RunFolderError(
            f'{path} is of the task {read_config(path)["task"]!r}. Choose another --name.'
        )
    rlpd = replace(RlpdConfig(), **task.corrections)
    student = Student(task, rlpd, config.seed)
    student.watch(demonstrations)
    folder = RunFolder(path, begun=again)
    if not again:
        folder.write_config(config_told(task, config, rlpd))
    learner = Learner(student, folder, link.address_of(address, path), token_of(path, token))
    stop = _stopper()
    try:
        learner.run(stop, config.steps)
    finally:
        learner.close()
        folder.close()
    return path


def act_apart(config: ActConfig) -> int:
    """Act until Ctrl-C, in the run folder `config.folder`; how many periods began late.

    Raises RunFolderError where there is no run.
    """
    torch.set_num_threads(1)
    run = config.folder
    _wait_for(run)
    told = read_config(run)
    task = registry.task(told['task'])
    files = sorted((run / EPISODES).glob('*.mcap'))
    session = f'{len(files):03}'
    seed = told['seed'] + 1000 * (len(files) + 1)
    env = make_env(task, told['engine'], 1, seed=seed)
    header = header_of(task, 'online', f'{run.name}, {config.operator}, apart')
    writer = EpisodeWriter(run / EPISODES / f'{session}.mcap', header)
    practice = Practice(env, person_of(config.operator, task, seed), writer)
    size = env.reset()['actor'].shape[1]
    rlpd = Rlpd(size, task.action_size, RlpdConfig(**_tupled(told['rlpd'])), seed)
    actor = Actor(
        practice,
        rlpd.actor,
        partial(rlpd.act, explore=True),
        run=run,
        session=session,
        address=link.address_of(config.address, run),
        token=config.token or token_of(run),
        speed=config.speed,
    )
    try:
        actor.run(_stopper(), task.control_dt)
    finally:
        actor.close()
        writer.close()
    return actor.late


def _tupled(values: dict[str, Any]) -> dict[str, Any]:
    return {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}


def _wait_for(run: Path) -> None:
    until = time.monotonic() + WAIT_S
    while not ((run / 'config.json').exists() and (run / 'token').exists()):
        if time.monotonic() > until:
            raise RunFolderError(
                f'{run} is not the folder of a run that learns: start `robot_rl hil learner` '
                'first, with the same name.'
            )
        time.sleep(0.2)


def _stopper() -> Callable[[], bool]:
    """Whether SIGINT or SIGTERM has come."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop.is_set
