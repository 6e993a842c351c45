"""The room that places learned from photographs are measured with: number 0 of all rooms."""

from __future__ import annotations

from robot_rl.spec.scene import Lamp, Look, Scene, Shape

LENGTH, WIDTH, HEIGHT = 6.0, 5.0, 2.6
"""[m] along x and y, whose middle is the origin, and up from the floor."""


def walls() -> list[Shape]:
    """Floor, ceiling and walls."""
    thick = 0.1
    wood = Look((0.55, 0.38, 0.24), (0.42, 0.28, 0.17), 'stripes', 0.4)
    paper = Look((0.84, 0.79, 0.66), (0.66, 0.55, 0.42), 'noise', 0.5)
    bricks = Look((0.62, 0.30, 0.23), (0.78, 0.75, 0.70), 'bricks', 0.5)
    tiles = Look((0.80, 0.86, 0.88), (0.45, 0.58, 0.66), 'checker', 0.6)
    plain = Look((0.9, 0.9, 0.88), (0.75, 0.76, 0.78), 'noise', 0.9)
    x, y, z = 0.5 * (LENGTH + thick), 0.5 * (WIDTH + thick), 0.5 * HEIGHT
    return [
        Shape('box', (LENGTH, WIDTH, thick), (0, 0, -0.5 * thick), look=wood),
        Shape('box', (LENGTH, WIDTH, thick), (0, 0, HEIGHT + 0.5 * thick), look=plain),
        Shape('box', (thick, WIDTH, HEIGHT), (x, 0, z), look=bricks),
        Shape('box', (thick, WIDTH, HEIGHT), (-x, 0, z), look=paper),
        Shape('box', (LENGTH, thick, HEIGHT), (0, y, z), look=paper),
        Shape('box', (LENGTH, thick, HEIGHT), (0, -y, z), look=tiles),
    ]


def furniture() -> list[Shape]:
    """What stands in it."""
    dark = Look((0.35, 0.22, 0.14), (0.28, 0.17, 0.10), 'noise', 0.3)
    cloth = Look((0.20, 0.36, 0.55), (0.13, 0.25, 0.42), 'noise', 0.25)
    books = Look((0.70, 0.25, 0.20), (0.20, 0.45, 0.35), 'stripes', 0.24)
    white = Look((0.92, 0.91, 0.88), (0.80, 0.80, 0.80), 'noise', 0.4)
    rug = Look((0.60, 0.16, 0.18), (0.85, 0.72, 0.50), 'checker', 0.5)
    legs = [
        Shape('cylinder', (0.04, 0.7), (1.0 + a, -0.4 + b, 0.35), look=dark)
        for a in (-0.55, 0.55)
        for b in (-0.3, 0.3)
    ]
    return [
        Shape('box', (2.2, 1.6, 0.02), (0.0, 0.2, 0.01), look=rug),
        Shape('box', (1.3, 0.8, 0.06), (1.0, -0.4, 0.73), look=dark),
        *legs,
        Shape('box', (0.9, 2.0, 0.45), (-2.4, 0.4, 0.225), look=cloth),
        Shape('box', (0.25, 2.0, 0.9), (-2.85, 0.4, 0.45), look=cloth),
        Shape('box', (1.6, 0.35, 1.9), (0.6, 2.3, 0.95), look=books),
        Shape('box', (0.6, 0.6, 0.8), (2.5, 1.9, 0.4), look=white),
        Shape('sphere', (0.22,), (2.5, 1.9, 1.02), look=Look((0.9, 0.75, 0.2))),
        Shape('cylinder', (0.18, 1.3), (-2.4, -1.9, 0.65), look=white),
        Shape('sphere', (0.3,), (-2.4, -1.9, 1.5), look=Look((0.15, 0.45, 0.2))),
        Shape('box', (0.45, 0.45, 0.45), (0.9, 0.75, 0.225), look=books),
        Shape('sphere', (0.12,), (1.1, -0.45, 0.88), look=Look((0.85, 0.3, 0.1))),
    ]


LAMPS = (Lamp((-1.2, 0.3, 2.3)), Lamp((1.6, -0.4, 2.3)))


def scene() -> Scene:
    """All of it, lit by two lamps."""
    return Scene(
        shapes=(*walls(), *furniture()),
        sun=(0.0, 0.0, 0.0),
        ambient=(0.55, 0.55, 0.55),
        lamps=LAMPS,
    )
