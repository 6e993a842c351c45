"""Types of options that several commands take."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from robot_rl.assets import policy_path

if TYPE_CHECKING:
    from tyro.conf import Positional

    Policy = PolicyFile = Path
else:
    try:
        from tyro.conf import Positional
        from tyro.constructors import PrimitiveConstructorSpec

        def _policy(*, runs: bool) -> PrimitiveConstructorSpec[Path]:
            return PrimitiveConstructorSpec(
                nargs=1,
                metavar='POLICY',
                instance_from_str=lambda words: policy_path(words[0], runs=runs),
                is_instance=lambda value: isinstance(value, Path),
                str_from_instance=lambda path: [str(path)],
            )

        Policy = Annotated[Path, _policy(runs=True)]
        PolicyFile = Annotated[Path, _policy(runs=False)]
    except ImportError:  # the command line says so when it comes to parsing
        Positional, Policy, PolicyFile = Annotated, Path, Path
