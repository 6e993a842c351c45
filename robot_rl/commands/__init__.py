"""The commands of `robot_rl`."""

from __future__ import annotations

from typing import Any

from robot_rl.commands import bench, data, everyday, nerf, people, racing, teleop

COMMANDS: dict[str, Any] = {
    'list': everyday.List,
    'train': everyday.Train,
    'eval': everyday.Eval,
    'play': everyday.Play,
    'export': everyday.Export,
    'check': everyday.Check,
    'run': everyday.Run,
    'teleop': teleop.Teleop,
    'distill': everyday.Distill,
    'pretrain': racing.Pretrain,
    'practise': racing.Practise,
    'identify': everyday.Identify,
    'demo': everyday.Demo,
    'hil demos': people.HilDemos,
    'hil train': people.HilTrain,
    'hil learner': people.HilLearner,
    'hil actor': people.HilActor,
    'train-classifier': people.TrainClassifier,
    'data list': data.DataList,
    'data show': data.DataShow,
    'data filter': data.DataFilter,
    'data convert': data.DataConvert,
    'data export-lerobot': data.DataExportLerobot,
    'nerf capture': nerf.NerfCapture,
    'nerf train': nerf.NerfTrain,
    'nerf align': nerf.NerfAlign,
    'nerf render': nerf.NerfRender,
    'nerf bake': nerf.NerfBake,
    'nerf view': nerf.NerfView,
    'nerf gap': nerf.NerfGap,
    'bench sim': bench.BenchSim,
    'bench lidar': bench.BenchLidar,
    'bench render': bench.BenchRender,
    'bench sight': bench.BenchSight,
    'bench rlpd': bench.BenchRlpd,
    'bench survival': bench.BenchSurvival,
    'bench train': bench.BenchTrain,
    'bench curricula': bench.BenchCurricula,
    'bench race': bench.BenchRace,
    'bench laps': racing.BenchLaps,
    'bench latency': bench.BenchLatency,
    'bench startup': bench.BenchStartup,
    'bench walk': bench.BenchWalk,
    'bench nav': bench.BenchNav,
    'bench nerf': nerf.BenchNerf,
    'bench variants': bench.BenchVariants,
}
"""Command to the dataclass of its options; a space separates a subcommand."""
