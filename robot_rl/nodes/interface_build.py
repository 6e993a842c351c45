"""Builds one ROS interface package with the generators of ROS itself and a C compiler.

    python -m robot_rl.nodes.interface_build nav2_msgs DEFINITIONS OUT

writes OUT/install/nav2_msgs, a package to be imported. It runs in a process of its own: the
generators take over sys.stdout and their parser warns.

The steps are those of rosidl_generate_interfaces in cmake: fields to IDL, IDL to a type
description with its hash, from there C structures, type support for Fast DDS, and the Python
module. ROS looks for two libraries by their names alone: the package loads them from its own
folder first, and then they are found.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
import importlib
import json
import os
from pathlib import Path
import re
import shutil
import subprocess
import sys
import sysconfig
from typing import Any

from robot_rl.assets import prefixes

RMW = 'rmw_fastrtps_cpp'
SUPPORT = 'rosidl_typesupport_fastrtps_c'
INTROSPECTION = 'rosidl_typesupport_introspection_c'
"""With it Fast DDS tells other tools what a type looks like."""
GENERATORS = (
    'rosidl_adapter',
    'rosidl_generator_type_description',
    'rosidl_generator_c',
    SUPPORT,
    INTROSPECTION,
    'rosidl_typesupport_c',
    'rosidl_generator_py',
)
"""Packages of ROS that take part, in the order of their steps."""
BASICS = ('action_msgs', 'builtin_interfaces', 'service_msgs', 'unique_identifier_msgs')
"""Packages that every action uses, beside those of its fields."""
KINDS = ('msg', 'action')
LOADER = """\
import ctypes
from pathlib import Path

for _name in {names!r}:
    ctypes.CDLL(str(Path(__file__).with_name(_name)), ctypes.RTLD_GLOBAL)
"""
"""__init__.py of what is built."""
FLAGS = ('-O1', '-fPIC', '-w')
"""-w: what the generators write is not ours to mend."""


# Where ROS keeps things


@lru_cache
def prefix_of(package: str) -> Path | None:
    """Prefix under which a ROS package is installed, or None."""
    return next((p for p in prefixes() if (p / 'share' / package / 'package.xml').is_file()), None)


@lru_cache
def version_of(package: str) -> str:
    """Version of a ROS package; '' for one that is not there."""
    prefix = prefix_of(package)
    if prefix is None:
        return ''
    text = (prefix / 'share' / package / 'package.xml').read_text(encoding='utf-8')
    found = re.search(r'<version[^>]*>\s*([^<\s]+)', text)
    return found[1] if found else ''


def versioned() -> tuple[str, ...]:
    """Packages whose versions decide whether what was built still fits."""
    return (*GENERATORS, *BASICS, 'rclpy', 'fastcdr', 'geometry_msgs', 'nav_msgs', 'std_msgs')


def _share(package: str, *, like: str = '') -> Path:
    prefix = prefix_of(package)
    if prefix is None:
        raise SystemExit(f'The package {package!r} is not installed {like}.')
    return prefix / 'share' / package


def _dependencies(sources: Iterable[Path]) -> list[str]:
    """Packages that the fields name, and those that these name in turn."""
    found, pending = {*BASICS}, list(sources)
    while pending:
        text = re.sub(r'#.*', '', pending.pop().read_text(encoding='utf-8'))
        for name in re.findall(r'^\s*(\w+)/\w+', text, re.MULTILINE):
            if name not in found:
                found.add(name)
                pending += (_share(name) / 'msg').glob('*.msg')
    return sorted(found)


# Generate


def _arguments(package: str, folder: Path, idl: list[str], template: Path) -> dict[str, Any]:
    """What the generators read from a file, as cmake writes it."""
    out = _side(folder) if INTROSPECTION in str(template) else folder
    return {
        'package_name': package,
        'output_dir': str(out),
        'template_dir': str(template),
        'idl_tuples': [f'{folder}:{path}' for path in idl],
        'type_description_tuples': [
            f'{path}:{folder / Path(path).with_suffix(".json")}' for path in idl
        ],
        'ros_interface_dependencies': [],
        'target_dependencies': [],
    }


def _side(folder: Path) -> Path:
    """Where introspection is written: some of its files have the names of others."""
    return folder.parent / 'introspection' / folder.name


def _to_idl(package: str, definitions: Path, folder: Path) -> list[str]:
    """Write the fields as IDL; returns the files relative to `folder`."""
    convert = importlib.import_module(GENERATORS[0]).convert_to_idl
    found = []
    for kind in KINDS:
        for path in sorted((definitions / package / kind).glob(f'*.{kind}')):
            inner = path.relative_to(definitions / package)
            convert(definitions / package, package, inner, folder)
            found.append(inner.with_suffix('.idl').as_posix())
    return found


def _generate(package: str, definitions: Path, folder: Path) -> list[str]:
    """All source text of the package, in `folder`; returns its IDL files."""
    idl = _to_idl(package, definitions, folder)
    sources = [p for kind in KINDS for p in (definitions / package / kind).glob(f'*.{kind}')]
    names = _dependencies(sources)
    for generator in GENERATORS[1:]:
        arguments = _arguments(package, folder, idl, _share(generator) / 'resource')
        if generator == 'rosidl_generator_type_description':
            arguments['include_paths'] = [f'{name}:{_share(name)}' for name in names]
        path = folder / f'{generator}.json'
        path.write_text(json.dumps(arguments), encoding='utf-8')
        module = importlib.import_module(generator)
        match generator:
            case 'rosidl_generator_type_description':
                module.generate_type_hash(str(path))
            case 'rosidl_generator_c':
                module.generate_c(str(path))
            case 'rosidl_typesupport_fastrtps_c':
                module.generate_typesupport_fastrtps_c(str(path))
            case 'rosidl_typesupport_introspection_c':
                module.generate_c(str(path))
            case 'rosidl_typesupport_c':
                module.generate_c(str(path), [SUPPORT, INTROSPECTION])
            case 'rosidl_generator_py':
                module.generate_py(str(path), ['rosidl_typesupport_c'])
    for generator, place in (
        ('rosidl_generator_c', folder),
        (SUPPORT, folder),
        (INTROSPECTION, _side(folder)),
    ):
        _write_visibility(package, generator, place)
    return idl


def _write_visibility(package: str, generator: str, folder: Path) -> None:
    """The header that cmake fills in."""
    name = f'{generator}__visibility_control.h'
    text = (_share(generator) / 'resource' / f'{name}.in').read_text(encoding='utf-8')
    text = text.replace('@PROJECT_NAME@', package).replace('@PROJECT_NAME_UPPER@', package.upper())
    (folder / 'msg').mkdir(exist_ok=True)
    (folder / 'msg' / name).write_text(text, encoding='utf-8')


# Compile


def _includes(folder: Path, names: list[str]) -> list[str]:
    """Folders of headers: ours, Python's, NumPy's, and of every ROS package there is."""
    import numpy as np

    found = [
        folder.parent,
        _side(folder).parent,
        Path(sysconfig.get_path('include')),
        Path(np.get_include()),
    ]
    roots = {prefix for name in names if (prefix := prefix_of(name)) is not None}
    for root in sorted(roots):
        found += [path for path in (root / 'include').iterdir() if path.is_dir()]
        found.append(root / 'include')
    return [f'-I{path}' for path in found]


def _libraries(names: list[str]) -> list[str]:
    """What is linked with, each under the prefix of its package."""
    found = [f'lib{name}.so' for name in ('rosidl_runtime_c', 'rosidl_typesupport_c', SUPPORT)]
    found += ['librosidl_typesupport_fastrtps_cpp.so', 'libfastcdr.so', 'librcutils.so']
    found += [f'lib{INTROSPECTION}.so']
    parts = ('generator_c', 'generator_py', 'typesupport_c')
    kinds = (*(f'rosidl_{part}' for part in parts), SUPPORT, INTROSPECTION)
    found += [f'lib{name}__{kind}.so' for name in names for kind in kinds]
    roots = [prefix for name in (*names, 'rclpy') if (prefix := prefix_of(name)) is not None]
    places = [root / 'lib' for root in dict.fromkeys(roots)]
    paths = [next((p / f for p in places if (p / f).is_file()), None) for f in found]
    return [str(path) for path in paths if path is not None]


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f'{command[0]}: {done.stderr[-2000:]}')


def _is_python(path: Path) -> bool:
    """Whether a source is of the extension module: it includes Python.h or is what dispatches."""
    return path.parent.name != 'detail'


def _compile(folder: Path, names: list[str], root: Path) -> None:
    """Make the libraries and the extension module in `root` of all C and C++ text."""
    package = folder.name
    includes = _includes(folder, [*names, *GENERATORS, 'rclpy'])
    inside: list[str] = []
    outside: list[str] = []
    commands = []
    for number, path in enumerate(sorted(folder.parent.rglob('*.c*'))):
        compiler = ['gcc', '-std=c11'] if path.suffix == '.c' else ['g++', '-std=c++17']
        item = str(folder / f'{number}.o')
        commands.append([*compiler, *FLAGS, *includes, '-c', str(path), '-o', item])
        (inside if _is_python(path) else outside).append(item)
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        list(pool.map(_run, commands))
    libraries = ['-Wl,--as-needed', *_libraries(names)]
    main, thin = (f'lib{package}__{kind}.so' for kind in (SUPPORT, INTROSPECTION))
    module = f'{package}_s__rosidl_typesupport_c{sysconfig.get_config_var("EXT_SUFFIX")}'
    whole = ['-Wl,--no-as-needed', str(root / main)]
    for name, parts in ((main, [*outside, *libraries]), (thin, whole)):
        _run(['g++', '-shared', f'-Wl,-soname,{name}', '-o', str(root / name), *parts])
    _run(['g++', '-shared', '-o', str(root / module), *inside, *whole, *libraries])
    (root / '__init__.py').write_text(LOADER.format(names=(main, thin)), encoding='utf-8')


def build(package: str, definitions: Path, out: Path) -> None:
    """Write OUT/install/<package>. Raises SystemExit with the words of what failed."""
    folder = out / 'source' / package
    folder.mkdir(parents=True)
    _generate(package, definitions, folder)
    sources = [p for kind in KINDS for p in (definitions / package / kind).glob(f'*.{kind}')]
    root = out / 'install' / package
    for path in sorted(folder.glob('*/*.py')):
        (root / path.parent.name).mkdir(parents=True, exist_ok=True)
        shutil.copy(path, root / path.parent.name)
    _compile(folder, _dependencies(sources), root)


if __name__ == '__main__':
    build(sys.argv[1], Path(sys.argv[2]).resolve(), Path(sys.argv[3]).resolve())
