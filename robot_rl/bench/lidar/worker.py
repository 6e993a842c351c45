"""One process of the bench: builds all contenders of a scene and steps them when it is told to.

`python -m robot_rl.bench.lidar.worker SETTING` with a JSON object {"scene", "barn"}. It says the
names of its contenders, then answers each line [name, seconds] with environment steps per second
of processor time: one line of JSON each.
"""

from __future__ import annotations

from collections.abc import Callable
import json
from pathlib import Path
import sys
import time

from robot_rl.bench.lidar import ours, peer, places
from robot_rl.spec import registry

ROBOT = 'jackal'
PEERS = 4
"""Places, the first ones, in which IR-SIM is stepped in turns."""
OBJECTS, MAP = 'ir-sim, objects', 'ir-sim, occupancy map'


def contenders(scene: places.Scene) -> dict[str, Callable[[], int]]:
    """Steps of each, which return how many environments they stepped."""
    robot = registry.robot(ROBOT)
    env = ours.make(robot, scene)
    found = {'robot_rl, whole': ours.whole(env), 'robot_rl, bare world': ours.bare(env)}
    if peer.version():
        found[OBJECTS] = _peers(scene, mapped=False)
        if all(place.lattice for place in scene.places):
            found[MAP] = _peers(scene, mapped=True)
    return found


def _peers(scene: places.Scene, mapped: bool) -> Callable[[], int]:
    """Environments of IR-SIM, one after another."""
    robot = ours.with_beams(registry.robot(ROBOT), scene.beams)
    steps = [peer.Peer(robot, place, mapped).stepper() for place in scene.places[:PEERS]]
    return lambda: sum(step() for step in steps)


def rate(step: Callable[[], int], seconds: float) -> float:
    """Environment steps per second of processor time, over at least `seconds` of it."""
    step()
    started, steps = time.process_time(), 0
    while (spent := time.process_time() - started) < seconds:
        steps += step()
    return steps / spent


def main() -> None:
    """Answer until the input ends."""
    setting = json.loads(sys.argv[1])
    file = Path(setting['barn']) if setting['barn'] else None
    scene = places.scenes(registry.robot(ROBOT), file)[setting['scene']]
    steps = contenders(scene)
    for step in steps.values():  # what is compiled is compiled before the clock runs
        step()
    print(json.dumps(list(steps)), flush=True)
    for line in sys.stdin:
        name, seconds = json.loads(line)
        print(json.dumps(rate(steps[name], seconds)), flush=True)


if __name__ == '__main__':
    main()
