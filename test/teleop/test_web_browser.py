"""The page in a real browser: driven, lost and stalled, watched by a second visitor."""

from __future__ import annotations

from collections.abc import Callable, Iterator
import os
from pathlib import Path
import shutil
import signal
import subprocess
import sys
import time
from typing import Any

import pytest

pytest.importorskip('aiohttp')
sync_api = pytest.importorskip('playwright.sync_api')

from robot_rl.teleop.stick import Button
from robot_rl.teleop.web.board import Status

CHROMIUM = shutil.which('chromium') or shutil.which('google-chrome')
pytestmark = [
    pytest.mark.timed,
    pytest.mark.skipif(CHROMIUM is None, reason='needs chromium'),
]
OPTIONS = (
    '--headless=new',
    '--no-sandbox',
    '--no-first-run',
    '--disable-extensions',
    '--disable-gpu',
    '--remote-debugging-port=0',
    '--window-size=1280,800',
)


class Browser:
    """A Chromium in a process group of its own, so that it can be stalled and killed."""

    def __init__(self, playwright: Any, profile: Path) -> None:
        assert CHROMIUM
        self.process = subprocess.Popen(
            [CHROMIUM, *OPTIONS, f'--user-data-dir={profile}', 'about:blank'],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        told, end = profile / 'DevToolsActivePort', time.monotonic() + 30.0
        while not told.exists() or '\n' not in told.read_text():
            assert time.monotonic() < end and self.process.poll() is None, 'chromium did not start'
            time.sleep(0.02)
        port = told.read_text().splitlines()[0]
        self.faults: list[str] = []
        self.link = playwright.chromium.connect_over_cdp(f'http://127.0.0.1:{port}')

    def open(self, url: str, **options: Any) -> Any:
        """A new visitor at `url`; a fault of the page's script is remembered."""
        page = self.link.new_context(**options).new_page()
        page.on('pageerror', lambda error: self.faults.append(str(error)))
        page.goto(url)
        return page

    def signal(self, number: int) -> float:
        """Send a signal to all processes of the browser; returns when [s]."""
        now = time.monotonic()
        os.killpg(self.process.pid, number)
        return now

    def close(self) -> None:
        if self.process.poll() is None:
            self.signal(signal.SIGKILL)
        self.process.wait()
        assert not self.faults, f'the page failed: {self.faults}'


@pytest.fixture(scope='module')
def playwright() -> Iterator[Any]:
    with sync_api.sync_playwright() as driver:
        yield driver


@pytest.fixture(scope='module')
def browser(playwright: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    browser = Browser(playwright, tmp_path_factory.mktemp('profile'))
    yield browser
    browser.close()


def take_the_stick(page: Any) -> None:
    page.click('#seat')
    page.wait_for_selector('body.pilot')


def drive(reader: Any, page: Any) -> None:
    """Hold the space bar until the robot believes it; a busy machine may lose it once or twice."""
    end = time.monotonic() + 40.0
    while not reader.held:
        assert time.monotonic() < end, 'the hand never held'
        page.keyboard.up('Space')
        page.wait_for_timeout(150)
        page.keyboard.down('Space')
        page.wait_for_timeout(250)


def test_a_person_drives_with_keys_and_pointer(serve: Callable, browser: Browser) -> None:
    reader = serve()
    reader.pilot.show(Status('policy', 'ACTIVE', episode=3), curves={'return': 1.5})
    page = browser.open(reader.pilot.url)
    page.wait_for_selector('body[data-state=policy]')
    assert page.inner_text('#facts').split() == ['episode', '3', 'mode', 'ACTIVE']
    assert 'token' not in page.url
    page.keyboard.down('Space')  # nobody's stick yet
    page.wait_for_timeout(200)
    assert not reader.held
    page.keyboard.up('Space')
    take_the_stick(page)
    drive(reader, page)
    page.wait_for_selector('body[data-state=you]')
    page.keyboard.down('w')
    reader.until(lambda: reader.held and reader.stick.motion == (0.5, 0.0))
    page.keyboard.up('w')
    page.fill('#speed', '1')
    box = page.locator('#right').bounding_box()
    page.mouse.move(box['x'] + box['width'] / 2, box['y'] + box['height'] / 2)
    page.mouse.down()
    page.mouse.move(box['x'], box['y'] + box['height'] / 2)  # to the left: turns left, z up
    reader.until(lambda: reader.held and reader.stick.motion == (0.0, 1.0))
    page.mouse.up()
    reader.until(lambda: reader.held and reader.stick.motion == (0.0, 0.0))
    page.keyboard.up('Space')
    reader.until(lambda: not reader.held)
    for what in ('success', 'failure', 'reset'):
        page.click(f'[data-press={what}]')
    page.keyboard.press('Escape')
    reader.until(lambda: len(reader.pressed) == 4)
    assert set(reader.pressed) == set(Button)
    page.context.close()
    reader.until(lambda: reader.stick is None)


def test_two_thumbs_on_a_phone_and_a_page_that_loses_the_focus(
    serve: Callable, browser: Browser
) -> None:
    reader = serve(('linear_x', 'linear_y', 'linear_z', 'angular_x'))
    page = browser.open(
        reader.pilot.url, viewport={'width': 390, 'height': 844}, has_touch=True, is_mobile=True
    )
    take_the_stick(page)
    page.wait_for_timeout(200)
    touch = page.context.new_cdp_session(page)
    left, hold = (page.locator(name).bounding_box() for name in ('#left', '#hold'))
    points = [
        {'id': 1, 'x': hold['x'] + 20, 'y': hold['y'] + 20},
        {'id': 2, 'x': left['x'] + left['width'] / 2, 'y': left['y'] + left['height'] / 2},
    ]

    def fingers(kind: str, count: int) -> None:
        touch.send('Input.dispatchTouchEvent', {'type': kind, 'touchPoints': points[:count]})

    fingers('touchStart', 1)
    fingers('touchStart', 2)
    points[1] = {**points[1], 'x': left['x'] + left['width']}
    fingers('touchMove', 2)
    reader.until(lambda: reader.held and reader.stick.motion == (0.0, -0.5, 0.0, 0.0))
    page.evaluate_handle('() => window.dispatchEvent(new Event("blur"))')
    reader.until(lambda: not reader.held)
    page.wait_for_timeout(200)
    assert not reader.held  # the finger still lies there
    assert page.locator('#stop').is_visible() and page.locator('#hold').is_visible()
    page.context.close()


def test_a_second_person_watches_until_the_stick_is_free(
    serve: Callable, browser: Browser
) -> None:
    reader = serve()
    ada, ben = browser.open(reader.pilot.url), browser.open(reader.pilot.url)
    take_the_stick(ada)
    drive(reader, ada)
    ben.wait_for_selector('body[data-state=other]')
    assert ben.locator('#hold').is_disabled() and not ben.locator('#verdict').is_visible()
    ben.click('#seat')
    ada.wait_for_selector('#request:visible')
    ada.keyboard.up('Space')
    ada.click('#seat')
    ben.wait_for_selector('#seat.offer')
    take_the_stick(ben)
    drive(reader, ben)
    assert reader.stick.operator == 'visitor 2'
    for page in (ada, ben):
        page.context.close()


def test_a_wrong_token_is_told(serve: Callable, browser: Browser) -> None:
    reader = serve()
    page = browser.open(reader.pilot.url[:-1])
    page.wait_for_selector('#alarm:visible >> text=wrong token')
    page.context.close()


def test_a_browser_that_stalls_or_dies_lets_go_in_time(
    serve: Callable, playwright: Any, tmp_path: Path
) -> None:
    """Released within 200 ms of the signal: by the clock when stalled, by the socket when dead."""
    reader, browser = serve(), Browser(playwright, tmp_path)
    try:
        page = browser.open(reader.pilot.url)
        take_the_stick(page)
        drive(reader, page)
        stalled = browser.signal(signal.SIGSTOP)
        reader.until(lambda: not reader.held)
        after_stall = reader.opened - stalled
        time.sleep(0.5)
        browser.signal(signal.SIGCONT)
        page.wait_for_timeout(400)
        assert not reader.held  # still pressed, but it has to open first
        drive(reader, page)
        killed = browser.signal(signal.SIGKILL)
        reader.until(lambda: not reader.held)
        after_kill = reader.opened - killed
    finally:
        browser.close()
    sys.stderr.write(f'stalled {after_stall:.4f}, killed {after_kill:.4f} s\n')
    assert 0.0 < after_stall < 0.2 and 0.0 < after_kill < 0.2
