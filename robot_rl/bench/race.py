"""Laps on unseen tracks: a policy beside pure pursuit and beside a point mass.

Each of some tracks that training never saw is driven at FRICTIONS friction values; a car starts
at rest and drives LAPS laps, the first of which is not timed. All else is drawn from the
randomization file, the same for every contender. A lap is finished when the way along the centre
line, what was driven backwards taken off, has grown by its length, and clean if no wall was
touched: see mdp/circuit.py.

The peer is bench/pursuit.py at its best safe setting: of those that finish every lap on all of
these tracks cleanly, the fastest. It is thus chosen on the very tracks it is judged on, in its
favour. So is the fastest setting that is as safe as is asked of a policy: ASKED of its laps clean.

The bound is a point mass on the line of least curvature between the walls, half a car's width from
them, within the friction circle at the true friction, with the nominal drive, no lag and no delay.
It is no strict bound (another line may be faster still) but no car comes near it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
import torch

from robot_rl.bench.evaluation import load
from robot_rl.bench.pursuit import PurePursuit, Setting
from robot_rl.bench.statistics import Interval, wilson
from robot_rl.envs.engines import make_env
from robot_rl.envs.rollout import rollout
from robot_rl.envs.vector import Observation, VectorEnv
from robot_rl.errors import SpecError
from robot_rl.learn.config import TEST_SEED
from robot_rl.machine import machine_name
from robot_rl.mdp.racing import lap_time, least_curvature, speed_profile
from robot_rl.mdp.tracks import Tracks, tracks
from robot_rl.spec.engines import engine_for
from robot_rl.spec.robot import Robot
from robot_rl.tasks import race

Array = NDArray[np.float64]

FRICTIONS, LAPS = 10, 2
FRICTION = (0.5, 1.1)
LONGEST_S = 45.0
"""[s] after which a lap is not finished."""
ASKED = 0.99
LOOKAHEADS = (0.35, 0.45, 0.55, 0.7)
SHARES = (0.14, 0.16, 0.18, 0.2, 0.22, 0.25, 0.28, 0.32)
RESAMPLED = 4000


@dataclass(frozen=True)
class Laps:
    """What cars did, one row an environment."""

    finished: NDArray[np.int64]
    """(n,) laps finished without contact."""
    touched: NDArray[np.bool_]
    """(n,) whether a wall was touched."""
    time: Array
    """(n,) [s] of the last lap; NaN where it was not finished."""

    @property
    def begun(self) -> int:
        """Laps begun."""
        return int((self.finished + (self.finished < LAPS)).sum())

    @property
    def clean(self) -> Interval:
        """Part of the laps begun that were finished without contact."""
        return wilson(int(self.finished.sum()), self.begun)

    @property
    def safe(self) -> bool:
        """Whether every lap was."""
        return bool((self.finished == LAPS).all())


@dataclass(frozen=True)
class Result:
    """One benchmark."""

    engine: str
    policy: Laps
    peer: Laps
    setting: Setting
    risky_peer: Laps
    """Of the peer's settings with at least ASKED of the laps clean, the fastest."""
    risky_setting: Setting
    bound: Array
    """(n,) [s] of each environment."""

    @property
    def tracks(self) -> int:
        """Tracks driven on."""
        return len(self.bound) // FRICTIONS


def frictions(num: int, values: int = FRICTIONS) -> torch.Tensor:
    """(num, 1): every track's environments go through the values in turn."""
    row = torch.linspace(*FRICTION, values)
    return row.repeat(num // values).unsqueeze(1)


def world(robot: Robot, bank: Tracks, engine: str, *, blind: bool, seed: int) -> VectorEnv:
    """Environments for all tracks and frictions; `blind` saves the tracing of beams."""
    where = race.circuit(robot, bank, in_turn=True, blind=blind)
    task = replace(race.on(robot, where), episode_length_s=LAPS * LONGEST_S)
    return make_env(task, engine, bank.num * FRICTIONS, seed=seed, noise=not blind)


def drive(
    env: VectorEnv,
    length: Array,
    policy: Callable[..., tuple],
    seed: int,
    *,
    pose: bool = False,
    free: bool = False,
) -> Laps:
    """Drive all laps.

    Args:
        env: From `world`.
        length: (num_envs,) [m] of a lap.
        policy: As in envs/rollout.py.
        seed: Of the reset.
        pose: Whether the policy takes the arc length instead of the observation.
        free: Whether cars start anywhere, with the friction that they drew.
    """
    num, dt = env.num_envs, env.task.control_dt

    def driver(env: VectorEnv, observation: Observation) -> tuple:
        return policy(env, torch.from_numpy(position.astype(np.float32)) if pose else observation)

    transitions = rollout(env, driver, seed=seed)
    position, travelled = np.zeros(num), np.zeros(num)
    if free:
        assert env.task.perceive
        seen = env.task.perceive(env.engine.signals(), env.drawn)
        position = seen['track_position'][:, 0].double().numpy()
    else:
        env.engine.randomize({'friction': frictions(num)}, torch.arange(num))
    finished, touched = np.zeros(num, np.int64), np.zeros(num, np.bool_)
    crossed, times = np.zeros(num), np.full(num, np.nan)
    with torch.inference_mode():
        for index, moved in enumerate(transitions):
            now = moved.step.signals['track_position'][:, 0].double().numpy()
            touched |= moved.terminated.numpy() & (finished < LAPS)
            step = (now - position + 0.5 * length) % length - 0.5 * length
            position, before, travelled = now, travelled, travelled + step
            over = ~touched & (finished < LAPS) & (travelled >= (finished + 1) * length)
            part = ((finished + 1) * length - before)[over] / np.maximum(step[over], 1e-9)
            at = (index + part) * dt
            finished[over] += 1
            last = finished[over] == LAPS
            times[np.flatnonzero(over)[last]] = (at - crossed[over])[last]
            crossed[over] = at
            if (touched | (finished == LAPS)).all():
                break
    return Laps(finished, touched, times)


def sweep(robot: Robot, bank: Tracks, engine: str, seed: int) -> list[tuple[Setting, Laps]]:
    """Every setting of the peer with at least ASKED of its laps clean, the fastest first."""
    env = world(robot, bank, engine, blind=True, seed=seed)
    track = torch.arange(env.num_envs) // FRICTIONS
    length = np.repeat(bank.length, FRICTIONS)
    grip = race.grip(robot, robot.parameters['friction'].nominal[0])
    wheelbase = robot.parameters['wheelbase'].nominal[0]
    rows: list[tuple[Setting, Laps]] = []
    for lookahead in LOOKAHEADS:
        for share in SHARES:
            setting = Setting(lookahead, share)
            peer = PurePursuit(bank, track, wheelbase, grip, setting)
            laps = drive(env, length, peer, seed, pose=True)
            if laps.clean.estimate < ASKED:
                break  # faster is no safer
            rows.append((setting, laps))
    return sorted(rows, key=lambda row: float(np.nanmedian(row[1].time)))


def bound(robot: Robot, bank: Tracks) -> Array:
    """(tracks * FRICTIONS,) [s] of the point mass."""
    curvature, spacing = least_curvature(bank, race.HALF_WIDTH)
    values = np.linspace(*FRICTION, FRICTIONS)
    times = [
        lap_time(speed_profile(curvature, spacing, race.grip(robot, friction)), spacing)
        for friction in values
    ]
    return np.stack(times, 1).ravel()


def run(path: Path, num_tracks: int, engine: str = '', seed: int = TEST_SEED) -> Result:
    """Judge the policy in `path`, a run folder or an .onnx file, beside the peer and the bound.

    Args:
        path: The policy.
        num_tracks: How many; ratios are resampled over them.
        engine: Name of the simulator; by default the fastest that knows the robot.
        seed: Of the tracks and of all that is drawn.

    Raises:
        SpecError: The policy is of another task, there is no track, or no setting of the peer is
            safe on them all.
        RobotRLError: It cannot be read, the engine is unknown or not installed.
    """
    if num_tracks < 1:
        raise SpecError(
            f'There must be at least one track, got --tracks {num_tracks}. Ask for more.'
        )
    task, policy = load(path)
    if task.name != 'race':
        raise SpecError(
            f'{path} is a policy for {task.id!r}; bench race needs one for race. Train one with: '
            'robot_rl train race-racecar'
        )
    engine = engine_for(task.robot, engine)
    bank = tracks(num_tracks, seed)
    settings = sweep(task.robot, bank, engine, seed)
    safe = [row for row in settings if row[1].safe]
    if not safe:
        raise SpecError(
            f'None of {len(settings)} settings of pure pursuit, which the policy is held against, '
            f'drives {num_tracks} tracks of seed {seed} on {engine} unharmed. Choose another '
            '--seed.'
        )
    env = world(task.robot, bank, engine, blind=False, seed=seed)
    laps = drive(env, np.repeat(bank.length, FRICTIONS), policy, seed)
    (setting, peer), (risky_setting, risky) = safe[0], settings[0]
    return Result(engine, laps, peer, setting, risky, risky_setting, bound(task.robot, bank))


def ratio(ours: Array, theirs: Array, tracks_num: int) -> Interval:
    """Ratio of the medians of two contenders' times; NaN where a lap was not finished.

    The interval is a 95 % bootstrap over tracks: laps on one track are alike.
    """
    pairs = np.stack((ours, theirs), -1).reshape(tracks_num, -1, 2)
    drawn = np.random.default_rng(0).integers(0, tracks_num, (RESAMPLED, tracks_num))
    medians = np.nanmedian(pairs[drawn].reshape(RESAMPLED, -1, 2), axis=1)
    low, high = np.quantile(medians[:, 0] / medians[:, 1], (0.025, 0.975))
    middle = np.nanmedian(pairs.reshape(-1, 2), axis=0)
    return Interval(float(middle[0] / middle[1]), float(low), float(high))


def text(result: Result) -> str:
    """Table in Markdown."""
    lines = [
        f'{result.tracks} unseen tracks x {FRICTIONS} frictions, {LAPS} laps each, '
        f'{result.engine} engine, {machine_name()}',
        '',
        '| | laps without contact [%] | median lap [s] | x best safe peer | x bound |',
        '| --- ' * 5 + '|',
    ]
    rows = {
        'policy': result.policy,
        f'pure pursuit, {_named(result.setting)}': result.peer,
        f'pure pursuit, {_named(result.risky_setting)}': result.risky_peer,
    }
    for name, laps in rows.items():
        others = (result.peer.time, result.bound)
        cells = [
            laps.clean.text('.2f', 100.0),
            f'{np.nanmedian(laps.time):.2f}',
            *(ratio(laps.time, other, result.tracks).text('.3f') for other in others),
        ]
        lines.append(f'| {name} | {" | ".join(cells)} |')
    return '\n'.join(lines)


def _named(setting: Setting) -> str:
    return f'lookahead {setting.lookahead_s:g} s, friction {setting.friction:g} of nominal'
