"""What README.md, docs/ and the cards of policies/ name is there: commands, options, links."""

from __future__ import annotations

import dataclasses
from pathlib import Path
import re
import shlex

import pytest

pytest.importorskip('tyro')

from robot_rl import commands

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / 'README.md', *sorted([*ROOT.glob('docs/*.md'), *ROOT.glob('policies/*.md')])]
COMMAND = re.compile(r'^ {4,}(robot_rl .*)$|`(robot_rl [a-z][^`]*)`', re.MULTILINE)
ROS2 = re.compile(
    r'^ {4,}ros2 ((?:launch|run) robot_rl.*)$|`ros2 ((?:launch|run) robot_rl[^`]*)`', re.MULTILINE
)


def _code_taken_out(text: str) -> str:
    return re.sub(r'^```.*?^```$', '', text, flags=re.MULTILINE | re.DOTALL)


def _anchors(page: Path) -> set[str]:
    """What a link may name of `page`: its headings, as a forge writes them."""
    text = _code_taken_out(page.read_text(encoding='utf-8'))
    headings = re.findall(r'^#+ (.*)$', text, re.MULTILINE)
    return {re.sub(r'[^\w -]', '', title.lower()).replace(' ', '-') for title in headings}


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.name)
def test_every_command_is_one_and_takes_its_options(page: Path) -> None:
    for block, inline in COMMAND.findall(page.read_text(encoding='utf-8')):
        line = block or inline
        words = line.partition('#')[0].split()[1:]
        name = ' '.join(words[:2] if words[0] in ('bench', 'data', 'hil', 'nerf') else words[:1])
        assert name in commands.COMMANDS, line
        fields = dataclasses.fields(commands.COMMANDS[name])
        known = {'--help', *(f'--{field.name.replace("_", "-")}' for field in fields)}
        assert {word.partition('=')[0] for word in words if word.startswith('--')} <= known, line


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.name)
def test_every_ros2_command_names_what_the_package_has(page: Path) -> None:
    launching = (ROOT / 'robot_rl/nodes/launching.py').read_text(encoding='utf-8')
    for block, inline in ROS2.findall(page.read_text(encoding='utf-8')):
        verb, _, name, *arguments = shlex.split(block or inline, comments=True)
        folder, ending = {'launch': ('launch', ''), 'run': ('robot_rl/nodes', '.py')}[verb]
        assert (ROOT / folder / f'{name}{ending}').is_file(), name
        for argument in arguments if verb == 'launch' else ():
            key, _, value = argument.partition(':=')
            assert f"('{key}', " in launching, argument
            assert value, f'ros2 launch calls {argument!r} malformed'


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    text = _code_taken_out(page.read_text(encoding='utf-8'))
    for link in re.findall(r'\]\(([^)]+)\)', text):
        if '://' in link:
            continue
        name, _, anchor = link.partition('#')
        target = (page.parent / name).resolve() if name else page
        assert target.is_file(), link
        assert not anchor or anchor in _anchors(target), link
