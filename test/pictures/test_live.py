"""A scene that is drawn while it happens agrees with the one that is drawn afterwards."""

from __future__ import annotations

from collections.abc import Callable
import json

import numpy as np

from robot_rl.pictures.live import LiveScene
from robot_rl.pictures.scene import stage


def test_live_frames_are_those_of_the_episode(make_episode: Callable) -> None:
    way = np.linspace([0.0, 0.0, 0.3], [3.0, 0.0, 0.3], 50)
    episode = make_episode(base_pos_w=way, goal_pos_w=way + 0.1)
    scene, task = stage(episode), episode.task
    moment = {name: values[7] for name, values in episode.signals.items()}
    live = LiveScene(task.robot, task.signal_names, moment)
    numbers = np.frombuffer(live.frames(moment), '<f4')
    count = live.description['count']
    assert count == scene.frames.shape[1]
    frames = numbers[7:].reshape(count, 8)
    np.testing.assert_allclose(frames[:, :3], scene.frames[7, :, :3], atol=1e-6)
    np.testing.assert_allclose(np.abs(frames[:, 3:7]), np.abs(scene.frames[7, :, 3:7]), atol=1e-6)
    np.testing.assert_allclose(numbers[:3], scene.robot[7], atol=1e-6)
    assert len(live.description['items']) == len(scene.items)
    json.dumps(live.description, allow_nan=False)
