"""Where suspects are asked: a child process, so that a request that once was in a dying worker's hand cannot kill a second.

An empty line when it listens; then lines of JSON: {n, body} in, {n, answer} or {n, error: [kind, reason, detail]} out.
"""

import asyncio
import contextlib
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import orjson

from synth.engine import Answer, Engine, Failed, Lost, Refused, RequestError

LINE_BYTES = 128 << 20
KINDS = {kind.__name__: kind for kind in (Refused, Failed, Lost)}


class Ward:
    """The parent's side. The child is started when it is first needed, and again when it died."""

    def __init__(self, url: str, command: Sequence[str] = (sys.executable, "-m", "synth.ward")) -> None:
        self.command = (*command, url)
        self.child: asyncio.subprocess.Process | None = None
        self.waiting: dict[int, asyncio.Future[Answer]] = {}
        self.count, self.starting = 0, asyncio.Lock()
        self.reading: asyncio.Task[None] | None = None

    async def ready(self) -> None:
        """Start the child where there is none, and wait until it listens."""
        async with self.starting:
            if self.child is None or self.child.returncode is not None:
                pipe = asyncio.subprocess.PIPE
                self.child = await asyncio.create_subprocess_exec(
                    *self.command, stdin=pipe, stdout=pipe, limit=LINE_BYTES
                )
                assert self.child.stdout is not None  # noqa: S101  # for mypy: it was opened as a pipe
                await self.child.stdout.readline()
                self.reading = asyncio.create_task(self.read(self.child))

    async def complete(self, body: Mapping[str, Any]) -> Answer:
        """As Engine.complete; Lost("ward_died") when the child died with it in hand."""
        await self.ready()
        self.count += 1
        number = self.count
        answer = self.waiting[number] = asyncio.get_running_loop().create_future()
        try:
            assert self.child is not None and self.child.stdin is not None  # noqa: S101, PT018  # see above
            self.child.stdin.write(orjson.dumps({"n": number, "body": body}) + b"\n")
            return await answer
        finally:
            self.waiting.pop(number, None)

    async def read(self, child: asyncio.subprocess.Process) -> None:
        assert child.stdout is not None  # noqa: S101  # see above
        while line := await child.stdout.readline():
            said = orjson.loads(line)
            if (answer := self.waiting.get(said["n"])) and not answer.done():
                if "answer" in said:
                    answer.set_result(Answer(**said["answer"]))
                else:
                    kind, reason, detail = said["error"]
                    answer.set_exception(KINDS[kind](reason, detail))
        code = await child.wait()
        for answer in self.waiting.values():
            if not answer.done():
                answer.set_exception(Lost("ward_died", f"exit {code}"))

    async def close(self) -> None:
        if self.child is not None and self.child.returncode is None:
            self.child.kill()
        if self.reading is not None:
            await self.reading


async def serve(url: str, key: str) -> None:
    """The child's side: until its input ends."""
    reader = asyncio.StreamReader(limit=LINE_BYTES)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    running: set[asyncio.Task[None]] = set()
    print(flush=True)  # noqa: T201  # it listens
    async with Engine(url, key) as engine:
        while line := await reader.readline():
            said = orjson.loads(line)
            task = loop.create_task(ask(engine, said["n"], said["body"]))
            running.add(task)
            task.add_done_callback(running.discard)


async def ask(engine: Engine, number: int, body: Mapping[str, Any]) -> None:
    try:
        said: dict[str, Any] = {"answer": asdict(await engine.complete(body))}
    except RequestError as error:
        said = {"error": [type(error).__name__, error.reason, error.detail]}
    with contextlib.suppress(BrokenPipeError):  # nobody waits any more
        sys.stdout.buffer.write(orjson.dumps({"n": number, **said}) + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], os.environ.get("OPENAI_API_KEY", "")))
