"""Acting and learning in processes of their own, from the folder of one run.

Whoever comes first waits for the other. Each may die and be started again at any moment: what was
practised is in the files of the one who acts, which the learner reads again.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from copy import deepcopy
from dataclasses import replace
from functools import partial
import logging
from pathlib import Path
import signal
import threading
import time
from typing import Any

import numpy as np
import torch

from robot_rl.data.episodes import header_of
from robot_rl.envs.engines import make_env
from robot_rl.envs.functions import observation_size
from robot_rl.errors import RunFolderError
from robot_rl.learn import link, sessions
from robot_rl.learn.actor import Actor
from robot_rl.learn.choice import Choice
from robot_rl.learn.config import ActConfig, HilConfig
from robot_rl.learn.hil import config_told, judge_of, person_of, shown
from robot_rl.learn.learner import Learner, candidates, token_of
from robot_rl.learn.pace import Pace, period_of
from robot_rl.learn.practice import WINDOW, Practice
from robot_rl.learn.rlpd import Rlpd, RlpdConfig
from robot_rl.learn.run_folder import RunFolder, load_state, read_config
from robot_rl.learn.student import Student
from robot_rl.spec import registry
from robot_rl.spec.engines import engine_for
from robot_rl.spec.task import Task
from robot_rl.teleop.stick import Device

WAIT_S = 60.0
"""[s] that who acts waits for the folder of a run."""
LATE = 2.0 / 3.0
"""Of the run: policies after that are chosen among."""
_LOG = logging.getLogger(__name__)


def learn_apart(config: HilConfig, address: str, token: str, root: Path = Path('runs')) -> Path:
    """Learn from whoever acts, until Ctrl-C or for `config.steps` of practice; the run folder.

    A folder that holds a run of the same task goes on with the hyperparameters and, unless others
    are given, the demonstrations that it was begun with.

    Then the best of its policies is chosen and scored, which a second Ctrl-C breaks off: until it
    is done there is nothing to export. Raises as hil.learn does.
    """
    torch.set_num_threads(config.threads)
    task = registry.task(config.task)
    config = replace(config, engine=engine_for(task.robot, config.engine))
    path = root / (config.name or f'{task.id}-apart')
    told = read_config(path) if (path / 'config.json').exists() else None
    if told and told['task'] != task.id:
        raise RunFolderError(f'{path} is of the task {told["task"]!r}. Choose another --name.')
    rlpd = rlpd_of(told) if told else replace(RlpdConfig(), **task.corrections)
    demos = config.demos or tuple(map(Path, told['hil']['demos'] if told else ()))
    student = Student(task, rlpd, config.seed)
    student.watch(list(shown(task, demos)))
    folder = RunFolder(path, begun=told is not None or _hardly_begun(path))
    if told is None:
        folder.write_config(config_told(task, replace(config, demos=demos), rlpd))
    stop = _stopper()
    learner = Learner(student, folder, link.address_of(address, path), token_of(path, token))
    try:
        learner.run(stop, config.steps, config.validate_every)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        _choose(task, config, path, student)
    except KeyboardInterrupt:
        _LOG.warning('Nothing was chosen: start the learner again to do so.')
    finally:
        learner.close()
        folder.close()
    return path


def _choose(task: Task, config: HilConfig, run: Path, student: Student) -> None:
    """Validate the policies of the last third of the run, keep the best, and score it."""
    paths = candidates(run)
    if not paths or not config.validation_episodes:
        return
    paths = [path for path in paths if int(path.stem) >= LATE * int(paths[-1].stem)]
    _LOG.warning('Choosing among %d policies; Ctrl-C leaves that for later.', len(paths))
    choice, began, actor = Choice(task, config, run), time.process_time(), deepcopy(student.actor)
    for path in paths:
        actor.load_state_dict(load_state(path)['actor'])
        choice.offer(actor, int(path.stem))
    acted = [episode.person for file in sessions.files(run) for episode in sessions.recorded(file)]
    people = np.concatenate([np.zeros(0, np.bool_), *acted[-WINDOW:]])
    told = {
        'steps': student.steps,
        'robot_seconds': student.steps * task.control_dt,
        'intervention_rate': float(people.mean()) if len(people) else 0.0,
        'cpu_seconds_of_choosing': time.process_time() - began,
    }
    choice.finish(actor, told)


Seat = Callable[[str], AbstractContextManager[Device | None]]
"""Name of a task to the place of a real person; None in it for no such person."""


def nobody(_task: str) -> AbstractContextManager[None]:
    """The place of no person."""
    return nullcontext()


def act_apart(config: ActConfig, seat: Seat = nobody) -> Pace:
    """Act until Ctrl-C, in the run folder `config.folder`; the pace, which says what was late.

    `seat` is where a real person sits, where `config.operator` says so. Raises RunFolderError
    where there is no run.
    """
    torch.set_num_threads(1)
    run, stop = config.folder, _stopper()
    _wait_for(run, stop)
    told = read_config(run)
    with seat(told['task']) as person:
        return _act(config, told, person, stop)


def _act(
    config: ActConfig, told: dict[str, Any], person: Device | None, stop: Callable[[], bool]
) -> Pace:
    run, task = config.folder, registry.task(told['task'])
    pace = Pace(period_of(task.control_dt, config.speed, config.operator))
    judge = judge_of(task, config.reward)
    header = header_of(task, 'online', f'{run.name}, {config.operator}, apart')
    session, writer, lock = sessions.begin(run, header)
    seed = told['seed'] + 1000 * (session + 1)
    practice = Practice(
        make_env(task, told['engine'], 1, seed=seed),
        person or person_of(config.operator, task, 7919 * (session + 1) + told['seed']),
        writer,
        judge=judge,
    )
    rlpd = Rlpd(observation_size(task), task.action_size, rlpd_of(told), seed)
    actor = Actor(
        practice,
        rlpd.actor,
        partial(rlpd.act, explore=True),
        run=run,
        recording=writer.path,
        address=link.address_of(config.address, run),
        token=config.token or token_of(run),
    )
    try:
        actor.run(stop, pace)
    finally:
        actor.close()
        writer.close()
        lock.close()
    return pace


def rlpd_of(told: dict[str, Any]) -> RlpdConfig:
    """Hyperparameters of a run, of what its config.json says.

    Raises RunFolderError for a run of another learner or of another version.
    """
    try:
        values: dict[str, Any] = dict(told['rlpd'])
        for name in ('hidden', 'value_range'):
            values[name] = tuple(values[name])
        return RlpdConfig(**values)
    except (KeyError, TypeError) as error:
        raise RunFolderError(
            f'The run of the task {told.get("task")!r} has no hyperparameters of RLPD as this '
            f'version writes them ({error}). Choose another --name to begin a new one.'
        ) from None


def _hardly_begun(path: Path) -> bool:
    """Whether a learner was killed here before it had written what it was asked."""
    return path.is_dir() and all(
        child.name == 'checkpoints' or child.name.startswith('.') for child in path.iterdir()
    )


def _wait_for(run: Path, stop: Callable[[], bool]) -> None:
    until = time.monotonic() + WAIT_S
    while not ((run / 'config.json').exists() and (run / 'token').exists()):
        if stop() or time.monotonic() > until:
            raise RunFolderError(
                f'{run} is not the folder of a run that learns: start `robot_rl hil learner` '
                'first, with the same name.'
            )
        time.sleep(0.2)


def _stopper() -> Callable[[], bool]:
    """Whether SIGINT or SIGTERM has come, from now on."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop.is_set
