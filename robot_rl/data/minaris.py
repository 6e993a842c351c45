"""To and from Minari, the dataset format of Gymnasium.

An observation is a dictionary of the signals and, where there is one, the memory. What Minari has
no place for (labels, operators, further numbers) goes into the options of an episode, and the
header into the metadata of the dataset, so that what comes back is what went in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
import importlib
import importlib.util
import json
from pathlib import Path
import re
from typing import Any, cast
import warnings

import numpy as np

from robot_rl.data.episodes import Episode, Episodes, Header, Label
from robot_rl.data.files import all_of, write
from robot_rl.data.header import from_json, to_json
from robot_rl.errors import MissingPackageError, RecordingError, RunFolderError

MEMORY = 'memory'
"""Of an observation: what the policy carried."""
KEY = 'robot_rl'
"""Of the metadata of a dataset, and of the options of an episode."""
_ID = re.compile(r'[\w-]+(/[\w-]+)*-v\d+')


def to_minari(sources: Sequence[Path], dataset: str) -> int:
    """Make the local dataset `dataset` ('insert-panda/demonstrations-v0') of files of one task.

    It is written where Minari keeps datasets: MINARI_DATASETS_PATH, or ~/.minari/datasets.

    Returns:
        Number of its episodes. One that broke off is truncated there.

    Raises:
        RecordingError: no episodes, or of several tasks; a name that Minari does not take.
        RunFolderError: the dataset exists.
        MissingPackageError: minari or pyarrow is not installed.
    """
    minari = _minari()
    _require_name(dataset)
    files = [Episodes(path) for path in sources]
    header = files[0].header
    buffers = [_buffer(minari, header, i, e) for i, e in enumerate(all_of(files))]
    if not buffers:
        raise RecordingError(
            f'There is no episode in {", ".join(map(str, sources))}, a dataset needs at least one.'
            ' Choose other files.'
        )
    if dataset in minari.list_local_datasets():
        raise RunFolderError(
            f'The dataset {dataset} exists. Nothing is overwritten: choose another version.'
        )
    with warnings.catch_warnings():  # about authors, links and scores that nobody gave
        warnings.simplefilter('ignore')
        made = minari.create_dataset_from_buffers(
            dataset,
            buffers,
            observation_space=_space(_sizes(header)),
            action_space=_box(header.action_size),
            algorithm_name=header.source,
            description=f'{header.kind} of {header.task}, control period {header.control_dt} s',
            data_format='arrow',
        )
    made.storage.update_metadata({KEY: to_json(header)})
    return len(buffers)


def from_minari(dataset: str, out: Path) -> int:
    """Write a local dataset that `to_minari` made to the new file `out`; its episodes.

    Raises:
        RecordingError: there is no such dataset, or it was not made by `to_minari`.
        RunFolderError: `out` exists or the disk refuses.
        MissingPackageError: minari or pyarrow is not installed.
    """
    minari = _minari()
    _require_name(dataset)
    if dataset not in (known := minari.list_local_datasets()):
        raise RecordingError(
            f'There is no local dataset {dataset}. Known: {", ".join(sorted(known)) or "none"}. '
            'Set MINARI_DATASETS_PATH to where it is.'
        )
    found = minari.load_dataset(dataset)
    told = found.storage.metadata.get(KEY)
    if not isinstance(told, str):
        raise RecordingError(
            f'The dataset {dataset} does not say what its numbers are: it has no header of '
            'robot_rl. Give one that was made by: robot_rl data convert'
        )
    header = from_json(told, f'the dataset {dataset}')
    write(out, header, _episodes(found, header))
    return len(found)


def _require_name(dataset: str) -> None:
    if not _ID.fullmatch(dataset):
        raise RecordingError(
            f'{dataset!r} is no name of a dataset: expected letters, digits, _ and -, folders by '
            '/, and a version, such as insert-panda/demonstrations-v0. Choose another.'
        )


def _sizes(header: Header) -> dict[str, int]:
    memory = {MEMORY: header.memory_size} if header.memory_size else {}
    return header.signals | memory


def _buffer(minari: Any, header: Header, number: int, episode: Episode) -> Any:
    steps = len(episode)
    over = np.zeros(steps, np.bool_)
    over[-1] = True
    more = {
        'number': episode.number,
        'first': episode.first,
        'complete': episode.complete,
        'success': episode.success,
        'labels': [list(label) for label in episode.labels],
        'operators': list(episode.operators),
        'extra': list(episode.extra),
        'seed': episode.seed,
    }
    memory = {MEMORY: episode.memory} if header.memory_size else {}
    return minari.data_collector.EpisodeBuffer(
        id=number,
        seed=episode.seed,
        options={KEY: json.dumps(more)},
        observations={**episode.signals, **memory},
        actions=episode.action,
        rewards=cast('list[float]', episode.reward),
        terminations=cast('list[bool]', over & episode.terminated),
        truncations=cast('list[bool]', over & (not episode.terminated)),
        infos={
            'setpoint': np.pad(episode.setpoint, ((0, 1), (0, 0))),
            'person': np.pad(episode.person, (0, 1))[:, None],
            'success': np.pad(over & episode.success, (1, 0))[:, None],
            'stamp': episode.stamps[:, None],
        },
    )


def _episodes(dataset: Any, header: Header) -> Iterator[Episode]:
    metadata = dataset.storage.get_episode_metadata(range(len(dataset)))
    for data, told in zip(dataset.iterate_episodes(), metadata, strict=True):
        more: Mapping[str, Any] = json.loads(told['options'][KEY])
        steps = len(data.rewards)
        empty = np.zeros((steps + 1, 0), np.float32)
        yield Episode(
            number=more['number'],
            first=more['first'],
            signals={name: data.observations[name] for name in header.signals},
            memory=data.observations[MEMORY] if header.memory_size else empty,
            action=data.actions,
            setpoint=data.infos['setpoint'][:-1],
            reward=data.rewards,
            person=data.infos['person'][:-1, 0],
            operators=tuple(more['operators']),
            extra=tuple(more['extra']),
            stamps=data.infos['stamp'][:, 0],
            labels=tuple(Label(step, what) for step, what in more['labels']),
            terminated=bool(data.terminations[-1]),
            truncated=bool(data.truncations[-1]),
            success=more['success'],
            seed=more['seed'],
            complete=more['complete'],
        )


def _space(sizes: Mapping[str, int]) -> Any:
    from gymnasium import spaces

    return spaces.Dict({name: _box(size) for name, size in sizes.items()})


def _box(size: int) -> Any:
    from gymnasium import spaces

    return spaces.Box(-np.inf, np.inf, (size,), np.float32)


def _minari() -> Any:
    if importlib.util.find_spec('pyarrow') is None:  # by which it stores, imported when it does
        raise MissingPackageError('pyarrow')
    try:
        importlib.import_module('minari.data_collector')
        return importlib.import_module('minari')
    except ImportError:
        raise MissingPackageError('minari') from None
