"""A page that shows a learned place from a free camera."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
import io
import math
from pathlib import Path
from typing import Any

from aiohttp import web
import numpy as np

from robot_rl.errors import SpecError
from robot_rl.spec.rotation import quaternion_of
from robot_rl.vision.renderer import Frames

PAGE = Path(__file__).with_name('view.html')
FURTHEST = 8.0
"""[m] that is drawn black in images of depth."""
_NAMES = ('x', 'y', 'z', 'yaw', 'pitch')


def looking(yaw: float, pitch: float) -> np.ndarray:
    """Quaternion (1, 4) wxyz, optical frame to world: `yaw` about z from x, `pitch` up [rad]."""
    forward = np.array(
        [math.cos(yaw) * math.cos(pitch), math.sin(yaw) * math.cos(pitch), math.sin(pitch)]
    )
    right = np.array([math.sin(yaw), -math.cos(yaw), 0.0])
    return quaternion_of(np.stack((right, np.cross(forward, right), forward), 1)[None])


class Viewer:
    """Answers a browser: the page, and an image for each pose that it asks for."""

    def __init__(self, renderer: Any) -> None:
        """Take what draws: NerfRenderer or ProbeRenderer."""
        self._renderer, self._one = renderer, asyncio.Lock()

    def app(self) -> web.Application:
        """The two addresses, / and /frame."""
        app = web.Application(client_max_size=1024)
        app.router.add_get('/', self._page)
        app.router.add_get('/frame', self._frame)
        return app

    async def _page(self, _request: web.Request) -> web.StreamResponse:
        policy = "default-src 'none'; img-src 'self' data:; script-src 'unsafe-inline'; "
        headers = {'Content-Security-Policy': f"{policy}style-src 'unsafe-inline'"}
        return web.FileResponse(PAGE, headers=headers)

    async def _frame(self, request: web.Request) -> web.Response:
        try:
            x, y, z, yaw, pitch = (float(request.query[name]) for name in _NAMES)
        except (KeyError, ValueError):
            return web.Response(status=400, text='A frame needs numbers x, y, z, yaw and pitch.')
        if not all(map(math.isfinite, (x, y, z, yaw, pitch))):
            return web.Response(status=400, text='Numbers must be finite.')
        async with self._one:
            frames = await asyncio.to_thread(
                self._renderer.render, np.array([[x, y, z]]), looking(yaw, pitch)
            )
        body = _encoded(frames, depth=request.query.get('depth') == '1')
        headers = {'Cache-Control': 'no-store'}
        return web.Response(body=body, content_type='image/jpeg', headers=headers)


def _encoded(frames: Frames, depth: bool) -> bytes:
    from PIL import Image

    image = frames.rgb[0]
    if depth:
        near = np.clip(255.0 * (1.0 - frames.depth[0] / FURTHEST), 0.0, 255.0)
        image = near.astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(image).save(file, 'JPEG', quality=90)
    return file.getvalue()


def serve(renderer: Any, host: str, port: int, tell: Callable[[str], object]) -> None:
    """Serve the page until interrupted; `tell` is called with its address.

    Raises SpecError for an address that cannot be had.
    """
    asyncio.run(_serve(renderer, host, port, tell))


async def _serve(renderer: Any, host: str, port: int, tell: Callable[[str], object]) -> None:
    runner = web.AppRunner(Viewer(renderer).app(), access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise SpecError(
                f'The page cannot be served at {host}:{port}: {error.strerror}. Choose another '
                'with --host and --port.'
            ) from error
        tell(f'http://{host}:{runner.addresses[0][1]}/')
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()
