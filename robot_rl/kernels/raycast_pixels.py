"""From the rays of a tile to the pixels of an image."""

from __future__ import annotations

# ruff: noqa: F821

INFINITE = float('inf')


def level(value):
    """From 0 to 1 to the levels of an image."""
    return uint8(fmin(fmax(value, ZERO), ONE) * LEVELS + HALF)


def write(pixels, depths, found, colours, rgb, depth, ids):
    """Write the pixels of a tile, one from each ray."""
    for i in range(len(pixels)):
        at = pixels[i]
        if at >= 0:
            rgb[at, 0] = level(colours[0, i])
            rgb[at, 1] = level(colours[1, i])
            rgb[at, 2] = level(colours[2, i])
            ids[at] = found[i]
            depth[at] = where(found[i] >= 0, depths[i], INFINITE)


def gather(pixels, samples, depths, found, colours, rgb, depth, ids):
    """Write the pixels of a tile, each from `samples` rays that follow one another.

    A pixel shows the shape that most of its rays meet, the nearest of those where it is a draw,
    and the reciprocal of its depth is the mean of theirs: exact on planes.
    """
    over = ONE / float32(samples)
    for place in range(len(pixels)):
        at, first = pixels[place], place * samples
        if at < 0:
            continue
        r = g = b = ZERO
        for i in range(first, first + samples):
            r, g, b = r + colours[0, i], g + colours[1, i], b + colours[2, i]
        rgb[at, 0], rgb[at, 1], rgb[at, 2] = level(r * over), level(g * over), level(b * over)
        best, votes, near, share = found[first], 0, FAR, ZERO
        for i in range(first, first + samples):
            mine, own, total = 0, FAR, ZERO
            for j in range(first, first + samples):
                if found[j] == found[i]:
                    mine += 1
                    own = fmin(own, depths[j])
                    total += ONE / depths[j]
            if mine > votes or (mine == votes and own < near):
                best, votes, near, share = found[i], mine, own, total
        ids[at] = best
        depth[at] = float32(votes) / share if best >= 0 else INFINITE
