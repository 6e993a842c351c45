"""A page of a process of its own: answers the ticks of a server, and holds while a file says so.

    python test/nodes/page_visitor.py ADDRESS FILE

FILE holds 1 or 0. Each change is printed with the time when it was said.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
import sys
import time

import aiohttp


async def main() -> None:
    """Talk until killed."""
    address, file = sys.argv[1], Path(sys.argv[2])
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f'{address}/ws', headers={'Origin': address}) as link,
    ):
        await link.send_str(json.dumps({'t': 'hello', 'token': '', 'name': 'anna'}))
        await link.send_str(json.dumps({'t': 'ask'}))
        before = None
        async for message in link:
            said = json.loads(message.data) if message.type is aiohttp.WSMsgType.TEXT else {}
            if said.get('t') == 'tick':
                held = file.read_text() == '1'
                hand = {'t': 'here', 'echo': said['n'], 'held': held, 'motion': [0.5, -0.5]}
                await link.send_str(json.dumps(hand))
                if held is not before:
                    before = held
                    sys.stdout.write(f'{time.time()}\n')
                    sys.stdout.flush()


if __name__ == '__main__':
    asyncio.run(main())
