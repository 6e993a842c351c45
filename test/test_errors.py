"""Every error a user can cause, read from the source: docs/errors.md lists them.

After a message changed, rewrite the page and read what it says now: python test/test_errors.py
"""

from __future__ import annotations

import ast
import builtins
from collections import Counter
from collections.abc import Iterable
from functools import cache
from pathlib import Path
import re
from typing import NamedTuple

import pytest

from robot_rl import errors

ROOT = Path(__file__).parents[1]
SOURCE, PAGE = ROOT / 'robot_rl', ROOT / 'docs/errors.md'
HEAD = """\
# Errors

Every error a user can cause, as the source words it; `{}` stands for what is filled in. The
command line and the nodes print it as one paragraph and end with code 2; a node that already runs
logs it and refuses the message or the transition. What ends in a traceback is a defect of ours.

`test/test_errors.py` writes this page and holds it to the source.
"""
RENEW = 'python test/test_errors.py'
RELAYS = {
    ('commands/everyday.py', '{map(str, wrong)}'): 'SpecErrors, of robots and tasks',
    ('deploy/policy.py', '{file.path}: {error}'): 'a PolicyFileError, of a contract',
    ('engines/pybullet_copies.py', '{robot.urdf}: {error}'): 'a SpecError, of a URDF',
    ('pictures/body.py', '{path}: {error}'): 'a SpecError, of a URDF',
    ('spec/chain.py', '{urdf}: {error}'): 'a SpecError, of a URDF',
    ('vision/nerf/photos.py', '{capture.path}: {error}'): 'a SpecError, of a camera',
    ('vision/nerf/view.py', '{file}: {name}: {error}'): 'a SpecError, of a camera',
    ('nodes/policy_node.py', '{controller.reason[:1].upper()}{controller.reason[1:]}.'): (
        'the reason of a controller'
    ),
}
"""Messages whose words come from elsewhere."""
GOT = re.compile(r'\{|\b(none|nothing)\b')
EXPECTED = re.compile(
    r'\b(expected|needs?|must|takes|known|it has|it names|there are|allowed|at least|at most|only'
    r'|within|lies outside|supported|such as|reads like|carries|kept free)\b',
    re.IGNORECASE,
)
REMEDY = re.compile(
    r"""(?:^|[.:;,X]\ |\bor\ |\band\ )
    (add|build|call|check|choose|clamp|configure|continue|convert|copy|correct|declare|draw|export
    |fill|free|give|install|join|leave|look|mark|name|publish|read|record|remove|rename|resume|return|run
    |say|see|send|set|source|start|stop|train|transform|turn|uninstall|use|write)\b""",
    re.IGNORECASE | re.VERBOSE,
)
COMMAND = re.compile(r'\b(with|by): (robot_rl|ros2|pip|\{).*$')
EMPTY = re.compile(
    r'\b(invalid|illegal|unable|please|unexpected|bad|failed to|went wrong)\b', re.IGNORECASE
)
MOST_WORDS = 60


class Site(NamedTuple):
    """One place where an error is made."""

    kind: str
    file: str
    message: str


Words = dict[str, str]
"""What a name in a message stands for, where the source says it."""
Function = ast.FunctionDef | ast.AsyncFunctionDef


# The text of a message


def _shown(node: ast.expr) -> str:
    """What is filled in, without what only formats it."""
    match node:
        case ast.Call(func=ast.Attribute(attr='join'), args=[argument]):
            return _shown(argument)
        case ast.Call(func=ast.Name(id='str' | 'sorted' | 'tuple' | 'list'), args=[argument]):
            return _shown(argument)
        case ast.BoolOp(op=ast.Or(), values=[first, *_]):
            return _shown(first)
        case ast.GeneratorExp() | ast.ListComp() | ast.SetComp():
            return _shown(node.generators[0].iter)
        case ast.Starred():
            return _shown(node.value)
    return ast.unparse(node)


def _render(node: ast.expr, words: Words) -> str:
    match node:
        case ast.Constant(value=value):
            return str(value)
        case ast.JoinedStr():
            return ''.join(_render(part, words) for part in node.values)
        case ast.FormattedValue(value=ast.Name() as name):
            return _render(name, words)
        case ast.FormattedValue(value=value):
            return f'{{{_shown(value)}}}'
        case ast.BinOp(op=ast.Add()):
            return _render(node.left, words) + _render(node.right, words)
        case ast.Name(id=name) if name in words:
            return words[name]
    return f'{{{_shown(node)}}}'


def _message(call: ast.Call, kind: str, words: Words) -> str:
    """Text of an error; a class that words its errors itself is asked for it."""
    values = [_render(value, words) for value in call.args]
    if kind == 'UnknownNameError':
        said = errors.UnknownNameError(values[0], values[1], [values[2]])
        told = re.sub(r' Did you mean .*?\?', '', str(said))
    elif kind == 'MissingPackageError':
        named = {str(key.arg): _render(key.value, words) for key in call.keywords}
        told = str(errors.MissingPackageError(*values, **named))
    else:
        told = values[0] if values else ''
    return re.sub(r"'(\{[^{}]*\})'", r'\1', ' '.join(told.split()))


# Where errors are made


@cache
def _parsed(text: str) -> ast.Module:
    return ast.parse(text)


@cache
def _nodes(tree: ast.AST) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(tree))


def _trees(root: Path) -> dict[str, ast.Module]:
    return {
        path.relative_to(root).as_posix(): _parsed(path.read_text(encoding='utf-8'))
        for path in sorted(root.rglob('*.py'))
    }


def _kinds(trees: dict[str, ast.Module]) -> Words:
    """RobotRLError and all that derive from it, each with what it is for."""
    kinds = {'RobotRLError': str(errors.RobotRLError.__doc__)}
    found = -1
    while len(kinds) != found:
        found = len(kinds)
        for node in (n for tree in trees.values() for n in _nodes(tree)):
            if isinstance(node, ast.ClassDef) and {ast.unparse(b) for b in node.bases} & {*kinds}:
                kinds[node.name] = str(ast.get_docstring(node)).partition('\n')[0]
    return kinds


def _called(node: ast.AST) -> str:
    """Name of the class or function that `node` calls, else ''."""
    return ast.unparse(node.func).rpartition('.')[2] if isinstance(node, ast.Call) else ''


Owners = dict[ast.AST, Function]
"""The innermost function around a node."""


def _owners(tree: ast.Module) -> Owners:
    owners: Owners = {}
    for node in _nodes(tree):
        if isinstance(node, Function):
            owners |= dict.fromkeys(_nodes(node), node)  # an inner function comes later
    return owners


def _texts(nodes: Iterable[ast.AST], line: int) -> Words:
    """Names that hold nothing but texts, with the one they were given last before `line`."""
    texts: dict[str, list[tuple[int, str]]] = {}
    stores: Counter[str] = Counter()
    for node in nodes:
        match node:
            case ast.Name(id=name, ctx=ast.Store()):
                stores[name] += 1
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.JoinedStr() as value):
                texts.setdefault(name, []).append((node.lineno, _render(value, {})))
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=str() as text)):
                texts.setdefault(name, []).append((node.lineno, text))
    return {
        name: max(given)[1]
        for name, every in texts.items()
        if len(every) == stores[name] and (given := [pair for pair in every if pair[0] < line])
    }


def _words(tree: ast.Module, owners: Owners, call: ast.Call) -> Words:
    outside = (n for node in tree.body for n in _nodes(node) if n not in owners)
    function = owners.get(call)
    inside = _nodes(function) if function else ()
    return _texts(outside, call.lineno) | _texts(inside, call.lineno)


def _origins(tree: ast.Module, owners: Owners, call: ast.Call) -> dict[int, Words]:
    """Lines that an error's words come from: its own, or the callers' who pass some of them."""
    own, function = {call.lineno: {}}, owners.get(call)
    if function is None:
        return own
    names = [argument.arg for argument in function.args.args]
    used = {n.id for value in call.args for n in _nodes(value) if isinstance(n, ast.Name)}
    origins: dict[int, Words] = {}
    for other in _nodes(tree):
        if isinstance(other, ast.Call) and _called(other) == function.name:
            words = _words(tree, owners, other)
            passed = zip(names, other.args, strict=False)
            origins[other.lineno] = {n: _render(v, words) for n, v in passed if n in used}
    texts = [text for words in origins.values() for text in words.values()]
    return origins if any(' ' in re.sub(r'\{[^{}]*\}', '', text) for text in texts) else own


def _sites(file: str, tree: ast.Module, kinds: Words) -> list[Site]:
    owners = _owners(tree)
    found: list[tuple[int, Site]] = []
    for call in _nodes(tree):
        if isinstance(call, ast.Call) and (kind := _called(call)) in kinds:
            words = _words(tree, owners, call)
            for line, more in _origins(tree, owners, call).items():
                found.append((line, Site(kind, file, _message(call, kind, words | more))))
    return [site for _, site in sorted(found, key=lambda pair: pair[0])]


@cache
def sites(root: Path) -> list[Site]:
    """Every error that the source makes, once for each text in a file."""
    trees = _trees(root)
    kinds = _kinds(trees)
    return list(dict.fromkeys(s for f, t in trees.items() for s in _sites(f, t, kinds)))


# The page and what is asked of a message


def _cell(message: str) -> str:
    return message.replace('|', r'\|').replace('`', "'")


def page(root: Path) -> str:
    """docs/errors.md."""
    kinds, found, lines = _kinds(_trees(root)), sites(root), [HEAD]
    for kind in sorted(kinds):
        rows = [site for site in found if site.kind == kind]
        if rows:
            lines += [f'## {kind}', '', kinds[kind], '', '| where | message |', '| --- | --- |']
            lines += [f'| {site.file} | `{_cell(site.message)}` |' for site in rows]
            lines.append('')
    return '\n'.join(lines)


def faults(message: str) -> list[str]:
    """What is wrong with a message, as far as a machine can tell."""
    words = re.sub(r'\{[^{}]*\}', 'X', message)
    mend = REMEDY.search(words) or COMMAND.search(message)
    given = [GOT.search(message), EXPECTED.search(words), mend]
    found = []
    if not re.match(r"[A-Z\d'{-]", message):
        found.append('does not begin as a sentence')
    if not message.endswith('.') and not COMMAND.search(message):
        found.append('ends neither as a sentence nor with a command')
    if given.count(None) > 1:
        found.append('has not two of: what it got, what is expected, what to do')
    if EMPTY.search(words):
        found.append(f'says {EMPTY.findall(words)[0]!r}, which says nothing')
    if len(words.split()) > MOST_WORDS:
        found.append(f'is longer than {MOST_WORDS} words')
    return found


def out_of_date(text: str, root: Path) -> list[str]:
    """Lines of a page that the source does not give, and the other way round."""
    wanted = page(root)
    changed = sorted(set(wanted.splitlines()) ^ set(text.splitlines()))
    return changed if changed or wanted == text else ['the order of the lines']


def test_the_page_lists_every_error() -> None:
    text = PAGE.read_text(encoding='utf-8') if PAGE.exists() else ''
    changed = out_of_date(text, SOURCE)
    advice = f'docs/errors.md is out of date, rewrite it with: {RENEW}'
    assert not changed, '\n'.join([advice, *changed])


def test_every_message_says_what_was_got_or_expected_and_what_to_do() -> None:
    found = [
        f'{site.file}: {fault}: {site.message}'
        for site in sites(SOURCE)
        if site[1:] not in RELAYS
        for fault in faults(site.message)
    ]
    assert not found, '\n'.join(found)


def test_what_is_excused_is_there() -> None:
    assert RELAYS.keys() <= {site[1:] for site in sites(SOURCE)}


def unreadable(root: Path) -> list[str]:
    """Places that raise what is no class known by its name, and so would escape the page."""
    trees, found = _trees(root), []
    everywhere = {*_kinds(trees), *dir(builtins), 'Stopped', 'Broken', 'NonsenseError', 'yaml'}
    for file, tree in trees.items():
        own = {n.name for n in _nodes(tree) if isinstance(n, ast.ClassDef | Function)}
        for node in _nodes(tree):
            if isinstance(node, ast.Raise) and node.exc is not None:
                names = {n.id for n in ast.walk(node.exc) if isinstance(n, ast.Name)}
                if not names & (everywhere | own):
                    found.append(f'{file}: {ast.unparse(node)}')
    return found


def test_no_error_escapes_the_page() -> None:
    assert unreadable(SOURCE) == []


# That these tests can fail

PLANTED = """
class SoreError(RobotRLError):
    '''What hurts. And more.'''

LIMIT = 'The limit is 3.'

def plain(path, values):
    raise SpecError(f'{path}: expected {len(values)} of {", ".join(values) or "none"}.')

def named():
    raise UnknownNameError('robot', name, KNOWN)

def constant():
    raise SoreError(LIMIT)

def carried(fact, message):
    if not fact:
        raise SoreError(f'Here: {message}')

def callers(x):
    said = 'a first thing.'
    carried(x, said)
    said = f'a second {x!r}.'
    carried(x, said)

def returned(where, got):
    return SpecError(f'{where} has {got}.')

def raiser(got):
    raise returned('The left wheel', got)
"""


@pytest.fixture
def planted(tmp_path: Path) -> Path:
    kinds = ('SpecError', 'UnknownNameError')
    text = '\n'.join(f'class {kind}(RobotRLError):\n    "A kind."' for kind in kinds)
    (tmp_path / 'errors.py').write_text(text)
    (tmp_path / 'planted.py').write_text(PLANTED)
    return tmp_path


def test_every_way_to_make_an_error_is_found(planted: Path) -> None:
    assert [(site.kind, site.message) for site in sites(planted)] == [
        ('SpecError', '{path}: expected {len(values)} of {values}.'),
        ('UnknownNameError', 'Unknown robot {name}. Known: {KNOWN}.'),
        ('SoreError', 'The limit is 3.'),
        ('SoreError', 'Here: a first thing.'),
        ('SoreError', 'Here: a second {x}.'),
        ('SpecError', 'The left wheel has {got}.'),
    ]


def test_a_page_that_lacks_an_error_is_out_of_date(planted: Path) -> None:
    text = page(planted)
    assert '## SoreError\n\nWhat hurts. And more.\n' in text
    assert out_of_date(text, planted) == []
    row = '| planted.py | `Here: a first thing.` |'
    assert out_of_date(text.replace(f'{row}\n', ''), planted) == [row]


def test_an_error_that_would_escape_is_found(planted: Path) -> None:
    assert unreadable(planted) == []
    (planted / 'late.py').write_text('def f(kinds):\n    raise kinds[0](1)\n')
    assert unreadable(planted) == ['late.py: raise kinds[0](1)']


@pytest.mark.parametrize(
    ('message', 'fault'),
    [
        ('Robot {name} has no topic.', 'has not two of'),
        ('No setting is safe.', 'has not two of'),
        ('robot {name} must be known.', 'does not begin'),
        ('{path} is not a run, train one', 'ends neither'),
        ('Expected a number, got an invalid one: {value}.', 'says nothing'),
        ('Expected {a}, got {b}. ' * 20, 'longer than'),
    ],
)
def test_a_poor_message_is_found(message: str, fault: str) -> None:
    assert [found for found in faults(message.strip()) if fault in found]


@pytest.mark.parametrize(
    'message',
    [
        'Unknown robot {name}. Known: {names}.',
        'There is no policy file {path}. Write one of a run with: robot_rl export',
        'A page needs at least one episode, got none.',
        '{path} exists. Nothing is overwritten: choose another name.',
    ],
)
def test_a_good_message_passes(message: str) -> None:
    assert faults(message) == []


if __name__ == '__main__':
    PAGE.write_text(page(SOURCE), encoding='utf-8')
