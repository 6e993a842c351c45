"""An identification as lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from robot_rl.identify.identify import UNEXPLAINED, Identification
from robot_rl.identify.unknowns import WIDTH


def text(result: Identification) -> str:
    """What was used, what was left unexplained, every parameter, and what cannot be told."""
    return '\n'.join([*_used(result), '', *_table(result), '', *_notes(result)])


def _used(result: Identification) -> Iterator[str]:
    kept, flight = result.solution.kept, result.flight
    yield (
        f'{result.robot.name}, {flight.name} of {flight.date}: {flight.duration_s:.1f} s of '
        f'{flight.level} setpoints, {int(kept.sum())} of {len(kept)} windows used'
    )
    for name, (left, declared) in result.noise.items():
        delay, half = result.delays[name]
        warning = '  <- not explained by the model' if left > UNEXPLAINED * declared else ''
        yield (
            f'  {name:20} off by {left:.2g} (sensor {declared:.2g}), '
            f'{1e3 * delay:.1f} ± {1e3 * half:.1f} ms after the setpoint{warning}'
        )


def _table(result: Identification) -> Iterator[str]:
    yield f'{"parameter":24} {"declared":>11} {"found":>11} {"95 % interval":>26}  of the old'
    for name, finding in result.findings.parameters.items():
        parameter = result.robot.parameters[name]
        low, high = finding.interval
        for index, told in enumerate(finding.told):
            number = f' {index}' if len(finding.told) > 1 else ''
            part = finding.half[index] / (WIDTH * finding.believed_std[index])
            yield (
                f'{name + number:24} {parameter.nominal[index]:>11.4g} '
                f'{finding.estimate[index]:>11.4g} {low[index]:>12.4g} to {high[index]:>10.4g} '
                f'{part:>8.1%}  {"" if told else "not told"}'.rstrip()
            )


def _notes(result: Identification) -> Iterator[str]:
    found = result.findings
    for name in result.known:
        yield f'Given: {name}.'
    for group in found.together:
        yield (
            f'Known only together: {", ".join(group)}. Their old ranges stay. One of them '
            'measured otherwise may settle the others: --known NAME=VALUE.'
        )
    if found.untold:
        yield f'Not told by this flight: {", ".join(found.untold)}. Their old ranges stay.'
    for name, finding in found.parameters.items():
        if finding.surprising:
            yield f'Outside of its old range: {name}. Look at the picture before you believe it.'
    yield f'Condition number of the information: {found.condition:.2g}.'
    yield f'Proposed: {result.proposal}'
    yield f'Picture:  {result.picture}'
