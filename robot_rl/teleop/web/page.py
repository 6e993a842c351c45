"""The page as one text: no asset from elsewhere, and a policy that lets it load none."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

from robot_rl import pictures
from robot_rl.pictures.theme import CHOSEN, THEME

HERE = Path(__file__).parent / 'page'
DRAWING = Path(pictures.__file__).parent / 'drawing.js'
SCRIPTS = ('controls.js', 'panels.js', 'main.js')


def page() -> tuple[bytes, dict[str, str]]:
    """The HTML, and the headers it is sent with.

    Script and style are named by their digests: nothing else runs, wherever it came from.
    """
    style = f'\n{THEME}{CHOSEN}{_text(HERE / "page.css")}'
    script = '\n'.join(map(_text, (DRAWING, *(HERE / name for name in SCRIPTS))))
    text = _text(HERE / 'page.html').replace('{{style}}', style).replace('{{script}}', script)
    rules = {
        'default-src': "'none'",
        'script-src': _digest(script),
        'style-src': _digest(style),
        'connect-src': "'self'",
        'img-src': 'blob: data:',
        'base-uri': "'none'",
        'form-action': "'none'",
        'frame-ancestors': "'none'",
    }
    headers = {
        'Content-Type': 'text/html; charset=utf-8',
        'Content-Security-Policy': '; '.join(f'{k} {v}' for k, v in rules.items()),
        'Cache-Control': 'no-store',
        'Referrer-Policy': 'no-referrer',
        'X-Content-Type-Options': 'nosniff',
        'X-Frame-Options': 'DENY',
        'Cross-Origin-Opener-Policy': 'same-origin',
    }
    return text.encode(), headers


def _text(path: Path) -> str:
    return path.read_text(encoding='utf-8')


def _digest(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
