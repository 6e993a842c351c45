"""PolicyGraph: the task's own functions joined, nothing added."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

torch = pytest.importorskip('torch')

from robot_rl.engines.analytic import AnalyticEngine
from robot_rl.envs.functions import observation_size
from robot_rl.envs.vector import VectorEnv
from robot_rl.export.graph import PolicyGraph
from robot_rl.spec import registry


def test_graph_acts_as_training_does(make_actor: Callable):
    """Setpoint and memory of the graph are those of the environment, step after step."""
    task = registry.task('hover-crazyflie')
    env = VectorEnv(task, AnalyticEngine, 8, seed=0)
    actor = make_actor(observation_size(task), task.action_size)
    graph = PolicyGraph(task, actor)
    observation = env.reset()
    with torch.inference_mode():
        for _ in range(20):
            inputs = [env.measured[name].clone() for name in task.signal_names]
            setpoint, memory = graph(*inputs, env.memory.clone())
            action = actor(observation['actor'])
            torch.testing.assert_close(setpoint, task.act(action))
            transition = env.step(action)
            going = ~(transition.terminated | transition.truncated)
            torch.testing.assert_close(memory[going], env.memory[going])
            observation = transition.observation


def test_names_follow_the_task(make_actor: Callable):
    task = registry.task('hover-crazyflie')
    graph = PolicyGraph(task, make_actor(observation_size(task), task.action_size))
    assert graph.input_names == [*task.signal_names, 'memory']
    assert graph.output_names == ['setpoint', 'memory_out']
    assert [part.shape[1] for part in graph.example(3)] == [
        *(signal.size for signal in task.signals),
        task.memory_size,
    ]


def test_a_task_without_memory_has_none_in_its_graph(make_actor: Callable):
    task = replace(
        registry.task('hover-crazyflie'),
        memory_size=0,
        observe=lambda signals, memory: signals['base_pos_w'],
    )
    graph = PolicyGraph(task, make_actor(3, task.action_size))
    assert 'memory' not in graph.input_names
    assert graph.output_names == ['setpoint']
    (setpoint,) = graph(*graph.example())
    assert setpoint.shape == (1, task.setpoint.size)
