"""The yardstick: a handler of Quart on trio under hypercorn, as their documentation shows it, and nothing else.

`python bare_quart.py FILE` answers `GET /` with the JSON of a file, and writes the address it listens at.
"""

from __future__ import annotations

import sys
from pathlib import Path

import trio
from hypercorn.config import Config
from hypercorn.trio import serve
from quart import Response
from quart_trio import QuartTrio


def make_app(body: bytes) -> QuartTrio:
    """An application with one handler."""
    app = QuartTrio(__name__)

    @app.get("/")
    async def light() -> Response:
        return Response(body, content_type="application/json")

    return app


async def main(body: bytes) -> None:
    """Serve until the process is ended."""
    config = Config()
    config.bind = ["127.0.0.1:0"]
    config.errorlog = None
    config.keep_alive_max_requests = 1_000_000_000
    async with trio.open_nursery() as nursery:
        binds: list[str] = await nursery.start(serve, make_app(body), config)
        sys.stdout.write(f"{binds[0]}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    trio.run(main, Path(sys.argv[1]).read_bytes())
