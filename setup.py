"""Package metadata: the one place where versions are pinned.

One file serves `pip install`, `colcon build` and a sourced ROS 2. A robot needs only the base
dependencies and rclpy; each extra adds what one job needs.
"""

from __future__ import annotations

from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).resolve().parent  # colcon --symlink-install runs a link to this file
PACKAGE = 'robot_rl'
SHARED = ('launch', 'urdf', 'policies', 'sim')
NODES = 'robot_rl/nodes/bin'

CLI = ['tyro>=1.0']
# the release that rsl-rl-lib, the exporter and the published figures were tried with
TORCH = 'torch==2.13.0'
TRAIN = [
    *CLI,
    TORCH,
    'rsl-rl-lib==5.5.1',
    'numba>=0.61',
    # 4.0.0 factorises some sparse matrices wrongly
    'mujoco-core==4.0.1; python_version >= "3.11"',
    'gymnasium>=1.1',
    'tensorboard>=2.16',
    'tqdm>=4.60',
    'matplotlib>=3.8',
    'pyyaml>=6.0',
    'onnx>=1.18',
    'onnxscript>=0.5.4',
]
# 100 MB, 300 MB installed. There are no wheels for Python 3.12 and later: `pip install pybullet`
# compiles it there.
JUDGE = ['pybullet==3.2.7; python_version < "3.12"']
# Images through MuJoCo's renderer, which needs an OpenGL library of the system too.
RENDER = ['pyopengl>=3.1.6']
MCAP = 'mcap>=1.6'  # the first with Writer.flush that was tried
# ROS 2 Kilted as wheels, for machines without ROS 2. They hold together only within one
# distribution.
ROS = [
    *CLI,
    'ros-rclpy[fastrtps]==9.1.2',
    'ros-std-msgs==5.5.*',
    'ros-geometry-msgs==5.5.*',
    'ros-sensor-msgs==5.5.*',
    'ros-nav-msgs==5.5.*',
    'ros-trajectory-msgs==5.5.*',
    'ros-diagnostic-msgs==5.5.*',
    'ros-std-srvs==5.5.*',
    'pyyaml>=6.0',
    MCAP,
]
# Episodes, and their conversion to and from the datasets of others. pyarrow: 170 MB installed.
DATA = [*CLI, MCAP, 'pyarrow>=18.0', 'minari>=0.5.3; python_version >= "3.11"']
VIDEO = ['av>=14.0', 'pillow>=10.1']  # FFmpeg with x264 inside; 36 MB
MARKERS = ['opencv-python-headless>=4.7', 'pillow>=10.1']  # 150 MB installed
NERF_GPU = ['gsplat>=1.5,<2', TORCH]  # compiled at first use, by the CUDA toolkit
GPU = ['warp-lang>=1.10']
TELEOP = ['aiohttp>=3.9']
DEV = [
    *VIDEO,
    *TELEOP,
    'playwright>=1.50',  # drives an installed chromium in tests of the page
    *GPU,  # kernels are compiled for a GPU ahead of time, which needs none
    'pytest>=8.4',
    'pytest-cov>=6.0',
    'pytest-xdist>=3.6',  # two processes of tests
    'ruff==0.17.6',
    'pyright[nodejs]==1.1.414',
    'pre-commit>=4.0',
    'scipy>=1.11',
    'setuptools>=70.1',  # builds a wheel in a test
]


def shared_files() -> list[tuple[str, list[str]]]:
    """Every file of the asset folders, with the folder of share/robot_rl that it goes to."""
    folders: dict[str, list[str]] = {}
    for top in SHARED:
        for path in sorted((HERE / top).rglob('*')):
            inner = path.relative_to(HERE)
            if path.is_file() and '__pycache__' not in inner.parts:
                folder = folders.setdefault(f'share/{PACKAGE}/{inner.parent.as_posix()}', [])
                folder.append(inner.as_posix())
    return sorted(folders.items())


def node_stubs() -> list[str]:
    """List the executables of lib/robot_rl. Data: pip ignores setup.cfg's install_scripts."""
    return sorted(path.relative_to(HERE).as_posix() for path in (HERE / NODES).glob('*_node'))


setup(
    name=PACKAGE,
    version='0.1.0',
    description='Reinforcement learning for robots: what was trained is what runs',
    long_description=(HERE / 'README.md').read_text(encoding='utf-8'),
    long_description_content_type='text/markdown',
    author='The robot_rl authors',
    maintainer='The robot_rl authors',
    maintainer_email='maintainers@robot-rl.example.org',
    license='Apache-2.0',
    python_requires='>=3.10',
    packages=find_packages(include=[PACKAGE, f'{PACKAGE}.*']),
    package_data={
        PACKAGE: [
            'py.typed',
            'pictures/*.html',
            'pictures/*.js',
            'teleop/web/page/*',
            'vision/nerf/*.html',
            'nodes/definitions/*/*/*',
        ]
    },
    data_files=[
        ('share/ament_index/resource_index/packages', [f'resource/{PACKAGE}']),
        (f'share/{PACKAGE}', ['package.xml']),
        (f'lib/{PACKAGE}', node_stubs()),
        *shared_files(),
    ],
    install_requires=['numpy>=1.21', 'onnxruntime>=1.17'],
    extras_require={
        'cli': CLI,
        'train': TRAIN,
        'judge': JUDGE,
        'render': RENDER,
        'ros': ROS,
        'data': DATA,
        'video': VIDEO,
        'markers': MARKERS,
        'nerf-gpu': NERF_GPU,
        'gpu': GPU,
        'teleop': TELEOP,
        'dev': DEV,
    },
    entry_points={'console_scripts': ['robot_rl = robot_rl.cli:main']},
    zip_safe=False,
)
