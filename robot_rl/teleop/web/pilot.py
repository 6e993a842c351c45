"""A person in a browser, as a device."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
import time
from typing import TYPE_CHECKING, Any

from robot_rl.errors import MissingPackageError
from robot_rl.teleop.stick import Stick
from robot_rl.teleop.web.board import Board, Status, check_image
from robot_rl.teleop.web.desk import Desk
from robot_rl.teleop.web.gate import Gate
from robot_rl.teleop.web.layout import layout

if TYPE_CHECKING:
    from robot_rl.teleop.web.server import Server


class WebPilot:
    """Serves the page and says what the person on it does; a `Device`.

    The server runs in a thread of its own. `read` judges by the clock whether the dead-man is
    still believed (grip.py), so it may be called as rarely or often as the caller's loop goes, and
    releases also if that thread should hang.
    """

    name = 'page'

    def __init__(
        self,
        robot: str,
        fields: Sequence[str],
        *,
        host: str = '127.0.0.1',
        port: int = 8080,
        token: str | None = None,
        title: str = '',
        scene: Mapping[str, Any] | None = None,
        certificate: tuple[Path, Path] | None = None,
    ) -> None:
        """Serve at `host` and `port`; both are there when this returns.

        Args:
            robot: its name.
            fields: of its setpoint; `motion` has one number for each.
            host: the address to listen at. Any but the loopback needs a token.
            port: 0 for any that is free.
            token: what visitors must know, at least 16 characters; one is made where it is needed.
            title: what the robot does.
            scene: what `show` gives frames of, see pictures.live.
            certificate: PEM files of a certificate and its key, for https.

        Raises:
            TeleopError: the address cannot be had, the token is short or the certificate none.
            MissingPackageError: aiohttp is not installed.
        """
        try:
            from robot_rl.teleop.web.server import Server
        except ModuleNotFoundError as error:
            raise MissingPackageError.of(error) or error from None
        self._gate = Gate(host, token)
        self._desk, self._board = Desk(len(fields)), Board()
        axes = [asdict(axis) for axis in layout(fields)]
        about = {'robot': robot, 'title': title, 'axes': axes, 'scene': scene}
        self._host, self._scheme = host, 'https' if certificate else 'http'
        self._began = time.monotonic()
        self._server: Server = Server(
            self._desk, self._board, self._gate, about, (host, port), certificate
        )

    @property
    def url(self) -> str:
        """Where the page is, with the token in the part that a browser tells nobody."""
        host = '127.0.0.1' if self._host in ('0.0.0.0', '::', '') else self._host
        host = f'[{host}]' if ':' in host else host
        token = f'#token={self._gate.token}' if self._gate.token else ''
        return f'{self._scheme}://{host}:{self._server.port}/{token}'

    def read(self, now: float) -> Stick | None:
        """What the pilot does; None where there is none, or nothing was heard of them for a while.

        Buttons that were pressed are told even so: a stop counts, whoever pressed it. The stamp is
        `now`: that the hand still holds is judged at this moment, whenever the page last spoke.
        """
        pilot, held, motion, pressed = self._desk.take(time.monotonic())
        return Stick(now, held, motion, pressed, pilot) if pilot or pressed else None

    def show(
        self,
        status: Status | None = None,
        *,
        curves: Mapping[str, float] | None = None,
        image: bytes | None = None,
        frames: bytes | None = None,
        around: Mapping[str, Any] | None = None,
    ) -> None:
        """Show something new; what is not given stays. Returns at once.

        Args:
            status: how the robot is.
            curves: the next value of each of up to eight series, which are drawn over time; a
                value that is not finite is left out.
            image: of a camera: JPEG, PNG or WebP.
            frames: of the scene that was given at the start.
            around: what stands around in that scene from now on, of LiveScene.around.

        Raises ValueError for an image of another kind.
        """
        if image:
            check_image(image)
        self._board.put(time.monotonic() - self._began, status, curves, image, frames, around)

    def close(self) -> None:
        """Hang up on everybody and stop listening."""
        self._server.close()
