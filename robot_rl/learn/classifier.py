"""A success detector that is learned from labelled frames, and what it is worth on others.

As in HIL-SERL (Luo et al., arXiv 2410.21845) the reward of a task may be a small network that has
seen where people, or a simulation, said that it was done. A policy finds what such a network takes
for success and is not, so it is scored on whole episodes that it has not seen, refused below an
accuracy, and believed only where it says so several control periods in a row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from robot_rl.data.episodes import check
from robot_rl.data.reader import Episode, Episodes
from robot_rl.envs.vector import VectorEnv
from robot_rl.errors import RecordingError, RunFolderError, SpecError
from robot_rl.learn import lived
from robot_rl.learn.frames import Features, Frames, StateFeatures, done
from robot_rl.learn.run_folder import load_state, save_state
from robot_rl.spec.task import Step, Task

KIND = 'success classifier'
HIDDEN = 64
LEAST = 8
"""Episodes with a success, and episodes with frames of none, below which nothing is learned."""
UPDATES, BATCH, RATE, DECAY = 1500, 128, 1e-3, 1e-3
LEAST_STD = 0.05
SAME = 1e-4
"""Of a probability: what it may differ by for a task that is still what it was."""


@dataclass(frozen=True)
class Options:
    """Of `robot_rl train-classifier`."""

    threshold: float = 0.5
    """Probability from which a frame counts as done, where either kind is as likely beforehand."""
    frames: int = 2
    """Such frames in a row that make a success."""
    held_out: float = 0.25
    """Share of the episodes that it is scored on and does not learn from."""
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what would never, or always, say so."""
        shares = 0.0 < self.threshold < 1.0 and 0.0 < self.held_out < 1.0
        if not shares or self.frames < 1:
            raise SpecError(
                'A classifier needs a threshold and a share held_out within (0, 1) and at least '
                f'1 of frames, got {self.threshold:g}, {self.held_out:g} and {self.frames}.'
            )


@dataclass(frozen=True)
class Confusion:
    """What was said of frames that were held out."""

    hits: int
    """Done, and said so."""
    misses: int
    """Done, and not said so."""
    false_alarms: int
    """Not done, and said so."""
    rejections: int
    """Not done, and not said so."""
    episodes: int = 0
    """Held out."""
    fooled: int = 0
    """Those of them in which it said so in as many frames in a row as make a success, before it
    was done."""

    @property
    def recall(self) -> float:
        """Share of the frames done that were found."""
        return self.hits / max(1, self.hits + self.misses)

    @property
    def accuracy(self) -> float:
        """Balanced: the mean of the shares of both kinds that were told rightly."""
        rejected = self.rejections / max(1, self.rejections + self.false_alarms)
        return 0.5 * (self.recall + rejected)


class Classifier(torch.nn.Module):
    """Features of a frame to the logarithm of the odds that the task is done."""

    def __init__(self, size: int, generator: torch.Generator | None = None) -> None:
        """`size` features. The generator draws the weights."""
        super().__init__()
        self.mean: torch.Tensor
        self.std: torch.Tensor
        self.register_buffer('mean', torch.zeros(size))
        self.register_buffer('std', torch.ones(size))
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(size, HIDDEN),
            torch.nn.LayerNorm(HIDDEN),
            torch.nn.ReLU(),
            torch.nn.Linear(HIDDEN, HIDDEN),
            torch.nn.ReLU(),
            torch.nn.Linear(HIDDEN, 1),
        )
        for layer in self.layers:
            if isinstance(layer, torch.nn.Linear):
                bound = layer.in_features**-0.5
                torch.nn.init.uniform_(layer.weight, -bound, bound, generator=generator)
                torch.nn.init.zeros_(layer.bias)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """(n, size) to (n,)."""
        return self.layers((rows - self.mean) / self.std)[:, 0]

    @torch.inference_mode()
    def probability(self, rows: torch.Tensor) -> torch.Tensor:
        """(n, size) to (n,): that the task is done, where either is as likely beforehand."""
        return torch.sigmoid(self(rows))


@dataclass(frozen=True)
class Fitted:
    """A classifier, and what it is worth."""

    task: Task
    features: Features
    network: Classifier
    options: Options
    confusion: Confusion
    trained_on: int
    """Episodes."""
    example: Episode
    """One of those held out, by which a task that changed is known."""

    def save(self, path: Path, least: float) -> None:
        """Write it to `path`, no pickle.

        Raises RecordingError for a balanced accuracy below `least`, and writes nothing then;
        RunFolderError where the disk refuses.
        """
        found = self.confusion.accuracy
        if found < least:
            raise RecordingError(
                f'The classifier tells {found:.1%} of the held-out frames rightly (mean of both '
                f'kinds), expected at least {least:.1%}: it is not written. Record more episodes '
                'in which the task is nearly done and is not, or lower --min-accuracy.'
            )
        rows = self.features.of_episode(self.example)
        state = {
            'kind': KIND,
            'task': self.task.id,
            'features': self.features.name,
            'size': self.features.size,
            'options': asdict(self.options),
            'confusion': asdict(self.confusion),
            'trained_on': self.trained_on,
            'network': self.network.state_dict(),
            'witness': {
                'signals': {
                    name: torch.from_numpy(self.example.signals[name][1:].copy())
                    for name in self.task.signal_names
                },
                'memory': torch.from_numpy(self.example.memory[1:].copy()),
                'probability': self.network.probability(rows).clone(),
            },
        }
        save_state(path, state)


def labelled(task: Task, paths: Sequence[Path]) -> list[Episode]:
    """Episodes of files to learn from. Raises RecordingError for what is not of `task`."""
    found: list[Episode] = []
    for path in paths:
        file = Episodes(path)
        check(file.header, task)
        for episode in file:
            try:
                lived.check(task, episode)
            except ValueError as error:
                raise RecordingError(
                    f'Episode {episode.number} of {path} cannot be learned from: {error}. Leave '
                    'the file out, or filter it with robot_rl data filter.'
                ) from None
            found.append(episode)
    return found


def fit(task: Task, episodes: Sequence[Episode], options: Options) -> Fitted:
    """Learn from some of the episodes and score on the others, split by episode and by outcome.

    Raises RecordingError where there are too few of either kind.
    """
    draw = np.random.default_rng(options.seed)
    kinds = [bool(done(episode).any()) for episode in episodes]
    _refuse_few(kinds)
    taught, held = list[Episode](), list[Episode]()
    for kind in (True, False):
        order = draw.permutation([i for i, is_kind in enumerate(kinds) if is_kind is kind])
        apart = round(options.held_out * len(order))
        held += [episodes[i] for i in order[:apart]]
        taught += [episodes[i] for i in order[apart:]]
    features = StateFeatures(task)
    network = _trained(Frames.of(features, taught), options.seed)
    confusion = judge(network, Frames.of(features, held), options)
    return Fitted(task, features, network, options, confusion, len(taught), held[0])


def _refuse_few(kinds: Sequence[bool]) -> None:
    if sum(kinds) < LEAST:
        raise RecordingError(
            f'{sum(kinds)} of {len(kinds)} episodes have a frame in which the task is done, '
            f'needed are {LEAST}. Record more, of people (robot_rl hil demos) and of a policy '
            'that nearly can (robot_rl hil train).'
        )
    if len(kinds) - sum(kinds) < LEAST:
        raise RecordingError(
            f'{len(kinds) - sum(kinds)} of {len(kinds)} episodes ended without success, needed '
            f'are {LEAST}: what is no success is learned from those without. Add what '
            'was practised, episodes/*.mcap of a run of robot_rl hil train.'
        )


def _trained(frames: Frames, seed: int) -> Classifier:
    """Learn with as many frames of either kind in each batch."""
    generator = torch.Generator().manual_seed(seed)
    network = Classifier(frames.rows.shape[1], generator)
    network.mean.copy_(frames.rows.mean(0))
    network.std.copy_(frames.rows.std(0).clamp(min=LEAST_STD))
    kinds = [frames.rows[frames.done], frames.rows[~frames.done]]
    target = torch.cat([torch.ones(BATCH // 2), torch.zeros(BATCH // 2)])
    optimizer = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=DECAY)
    for _ in range(UPDATES):
        chosen = [
            rows[torch.randint(len(rows), (BATCH // 2,), generator=generator)] for rows in kinds
        ]
        loss = torch.nn.functional.binary_cross_entropy_with_logits(
            network(torch.cat(chosen)), target
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return network.eval()


def judge(network: Classifier, frames: Frames, options: Options) -> Confusion:
    """What the network says of frames whose kind is known."""
    said = network.probability(frames.rows) >= options.threshold
    fooled = 0
    parts = zip(said.split(frames.episodes), frames.done.split(frames.episodes), strict=True)
    for claims, truths in parts:
        before = claims[: int(truths.int().argmax())] if truths.any() else claims
        fooled += _in_a_row(before.tolist()) >= options.frames
    return Confusion(
        hits=int((said & frames.done).sum()),
        misses=int((~said & frames.done).sum()),
        false_alarms=int((said & ~frames.done).sum()),
        rejections=int((~said & ~frames.done).sum()),
        episodes=len(frames.episodes),
        fooled=fooled,
    )


def _in_a_row(said: Sequence[bool]) -> int:
    """The longest run of True."""
    longest = now = 0
    for each in said:
        now = now + 1 if each else 0
        longest = max(longest, now)
    return longest


class BySight:
    """A `Judge` (judge.py): done is what a classifier takes for it, several frames in a row."""

    def __init__(self, task: Task, path: Path) -> None:
        """Read the file `path`.

        Raises RunFolderError for one that is none, or of another task than `task` as it is now.
        """
        state = load_state(path)
        if state.get('kind') != KIND:
            raise RunFolderError(
                f'{path} is no classifier of success. Give a file that robot_rl train-classifier '
                'wrote.'
            )
        self._task, self._features = task, StateFeatures(task)
        found, wanted = (state['task'], state['size']), (task.id, self._features.size)
        if found != wanted or state['features'] != self._features.name:
            raise RunFolderError(
                f'{path} tells success of the task {found[0]!r}, by {found[1]} numbers of a '
                f'{state["features"]!r}, expected {wanted[0]!r}, {wanted[1]} and '
                f'{self._features.name!r}. Train one on recordings of this task.'
            )
        self._options = Options(**state['options'])
        self._network = Classifier(self._features.size)
        self._network.load_state_dict(state['network'])
        self._network.eval()
        told = state['witness']
        now = self._network.probability(task.observe(told['signals'], told['memory']).contiguous())
        if not torch.allclose(now, told['probability'], rtol=0.0, atol=SAME):
            raise RunFolderError(
                f'The task {task.id!r} is not what it was when {path} was trained: it sees '
                'something else in the same signals. Train it again.'
            )
        self.told: dict[str, float] = {}
        self._row = 0

    def begin(self) -> None:
        """An episode begins."""
        self._row = 0

    def done(self, env: VectorEnv, step: Step) -> bool:
        """Whether it has taken so many frames for done; what it saw is recorded with the step."""
        seen = float(self._network.probability(self._features.of_env(env))[0])
        self._row = self._row + 1 if seen >= self._options.threshold else 0
        true = bool(self._task.error(step)[0] < self._task.success_error)
        self.told = {'success_seen': seen, 'success_true': float(true)}
        return self._row >= self._options.frames
