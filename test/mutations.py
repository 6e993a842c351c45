"""The most dangerous lines of the code, each broken in a copy: does a test notice?

    python test/mutations.py [name ...]

Not a test itself, for it takes minutes. Each mutation changes one place in a fresh copy of the
tree and runs the tests that should notice; the same tests pass on the copy as it was. Prints a
row a mutation, for docs/testing.md, and ends with 1 if one survived.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = Path(__file__).parents[1]
LEFT_OUT = shutil.ignore_patterns('.git', '.venv', 'runs', '__pycache__', '.*_cache')
FAILED = re.compile(r'^(?:FAILED|ERROR) (\S+?)(\[| - |$)', re.MULTILINE)


@dataclass(frozen=True)
class Mutation:
    """One line broken."""

    kind: str
    file: str
    """Relative to robot_rl/."""
    before: str
    """Text that stands exactly once in the file."""
    after: str
    tests: str
    """Files relative to test/ that should notice."""
    harm: str
    """What a robot or a user would suffer."""


MUTATIONS = (
    Mutation(
        'sign',
        'deploy/limits.py',
        '1.0 - 2.0 * (x * x + y * y) / (norm * norm)',
        '1.0 + 2.0 * (x * x + y * y) / (norm * norm)',
        'deploy/test_safety.py',
        'no tilt is ever too much',
    ),
    Mutation(
        'frame',
        'engines/mujoco.py',
        'velocity = rotate_inverse(quat, self._qvel[:, _VEL])',
        'velocity = rotate(quat, self._qvel[:, _VEL])',
        'engines/test_cross_engine.py engines/test_mujoco.py',
        'a velocity called _b is in no frame at all',
    ),
    Mutation(
        'unit',
        'nodes/messages.py',
        'stamp.sec + 1e-9 * stamp.nanosec',
        'stamp.sec + 1e-6 * stamp.nanosec',
        'nodes/test_messages.py nodes/test_signals.py',
        'ages of messages are wrong by up to minutes',
    ),
    Mutation(
        'joint index',
        'nodes/signals_joint.py',
        'np.array([names.index(name) for name in wanted])',
        'np.arange(len(wanted))',
        'nodes/test_signals.py',
        "a driver's own joint order reaches the policy",
    ),
    Mutation(
        'clip',
        'deploy/limits.py',
        'np.maximum(sent, self._low, out=sent)',
        'np.maximum(sent, -np.inf, out=sent)',
        'deploy/test_controller.py',
        'setpoints below the lower limit are sent',
    ),
    Mutation(
        'age comparison',
        'deploy/watchdog.py',
        'now - source.stamp > limit or now - source.received > limit',
        'now - source.stamp < limit or now - source.received < limit',
        'deploy/test_safety.py',
        'stale signals drive, fresh ones stop',
    ),
    Mutation(
        'age comparison, subtle',
        'deploy/watchdog.py',
        'now - source.stamp > limit or now - source.received > limit',
        'now - source.stamp > limit and now - source.received > limit',
        'deploy/test_safety.py deploy/test_controller.py',
        'a sender whose clock is ahead looks fresh when it has died',
    ),
    Mutation(
        'mode transition',
        'deploy/modes.py',
        '(Mode.FAULT, Event.RESET): Mode.STOPPING,',
        '(Mode.FAULT, Event.RESET): Mode.ACTIVE,',
        'deploy/test_modes.py',
        'a reset lets the policy drive at once',
    ),
    Mutation(
        'seed',
        'learn/train.py',
        'return run_episodes(self.validation, actor_policy(self.learner.actor), seed=seed)',
        'return run_episodes(self.validation, actor_policy(self.learner.actor), seed=0)',
        'learn/test_train.py',
        'policies are chosen and scored on the same episodes',
    ),
    Mutation(
        'time-out as termination',
        'learn/ppo.py',
        'reward[ids] += self.config.gamma * value * transition.truncated[ids]',
        'reward[ids] += 0.0 * value * transition.truncated[ids]',
        'learn/test_ppo.py',
        'staying up until the end is punished',
    ),
    Mutation(
        'rename before flush',
        'files.py',
        '            os.fsync(file.fileno())\n        part.replace(path)',
        '            part.replace(path)\n            os.fsync(file.fileno())',
        'test_files.py',
        'a power cut leaves an empty file where a good one was',
    ),
    Mutation(
        'quaternion order',
        'nodes/messages.py',
        'source.w, source.x, source.y, source.z',
        'source.x, source.y, source.z, source.w',
        'nodes/test_messages.py nodes/test_signals.py',
        'the policy sees another attitude',
    ),
    Mutation(
        'takeover',
        'deploy/takeover.py',
        'np.copyto(self._start, sent)',
        'np.copyto(self._start, self._human)',
        'deploy/test_takeover.py',
        'the robot jumps when a person takes over',
    ),
)


def applied(mutation: Mutation, root: Path) -> None:
    """Break the line in the copy `root`."""
    path = root / 'robot_rl' / mutation.file
    text = path.read_text()
    if text.count(mutation.before) != 1:
        raise SystemExit(
            f'{mutation.kind}: {path} holds {text.count(mutation.before)} times:\n'
            f'{mutation.before}'
        )
    path.write_text(text.replace(mutation.before, mutation.after))


def failures(root: Path, tests: str) -> list[str]:
    """Names of the tests that fail in the copy `root`."""
    command = [sys.executable, '-m', 'pytest', '-q', '--no-header', '-p', 'no:cacheprovider']
    files = [f'test/{name}' for name in tests.split()]
    done = subprocess.run([*command, *files], cwd=root, capture_output=True, text=True)
    if done.returncode not in (0, 1):
        raise SystemExit(f'pytest could not run {tests}:\n{done.stdout}\n{done.stderr}')
    found = [match[1].removeprefix('test/') for match in FAILED.finditer(done.stdout)]
    return sorted(set(found))


def main(names: list[str]) -> int:
    """Try the mutations of these kinds, or all."""
    survived = 0
    print('| kind | line of | harm | caught by |\n| --- | --- | --- | --- |')
    for mutation in MUTATIONS:
        if names and mutation.kind not in names:
            continue
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder) / 'robot_rl'
            shutil.copytree(ROOT, root, ignore=LEFT_OUT)
            before = failures(root, mutation.tests)
            applied(mutation, root)
            caught = [name for name in failures(root, mutation.tests) if name not in before]
        survived += not caught
        first = f'`{caught[0]}`' if caught else '**nothing**'
        more = f' and {len(caught) - 1} more' if len(caught) > 1 else ''
        row = (mutation.kind, f'`{mutation.file}`', mutation.harm, first + more)
        print('| ' + ' | '.join(row) + ' |', flush=True)
    return 1 if survived else 0


if __name__ == '__main__':
    raise SystemExit(main(sys.argv[1:]))
