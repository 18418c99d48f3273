"""One inference engine behind the OpenAI API: ask it, see how it is, start it and end it.

What can go wrong with a request has three names, because each is treated in its own way: Refused (it will never be
answered), Failed (it may be, later or elsewhere) and Lost (the connection broke with the request in hand).
"""

import asyncio
import contextlib
import io
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import aiohttp
import orjson
from prometheus_client.parser import text_string_to_metric_families

from synth.queue import QueueError

ANSWER_BYTES = 64 << 20  # more is no answer, and would fill our memory
START_SECONDS = 1_800  # large weights from a cold disk
STOP_SECONDS = 30
READY_POLL_SECONDS = 0.25
KEPT_SECONDS = 4  # an idle connection: vLLM closes it after 5, which must not meet a request
BUSY = (408, 425, 429, 500, 502, 503, 504)  # vLLM says 500, not 503, while it ends
DENIED = (
    401,
    403,
    404,
)  # another key or another model than at the start: the engine's fault, not the request's


class EngineError(QueueError):
    """There is no such engine here: the message says why, and the cure."""


class RequestError(Exception):
    """A request that was not answered; `reason` is its name in the books."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason, self.detail = reason, detail[:500]


class Refused(RequestError):  # noqa: N818  # named by what happened
    """Asking again would end the same."""


class Failed(RequestError):  # noqa: N818
    """Worth another attempt."""


class Lost(RequestError):  # noqa: N818
    """The connection broke while it was in hand: perhaps by its own doing."""


@dataclass(frozen=True)
class Answer:
    """What an engine said. Tokens as it counts them; 0 where it does not."""

    text: str
    thought: str
    finish: str
    prompt_tokens: int
    completion_tokens: int


class Engine:
    """One engine by its base URL, for as many requests at once as are wanted; opened by `async with`."""

    def __init__(self, url: str, key: str = "") -> None:
        self.url = url.rstrip("/").removesuffix("/v1")
        self.headers = {"Authorization": f"Bearer {key}"} if key else {}

    async def __aenter__(self) -> Self:
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10)  # deadlines are the worker's
        self.session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEPT_SECONDS),
            headers=self.headers,
            timeout=timeout,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.session.close()

    async def ready(self) -> None:
        """It is, or the first request says that it is not."""

    async def complete(self, body: Mapping[str, Any]) -> Answer:
        """The answer to one chat request. Raises Refused, Failed, Lost."""
        data = io.BytesIO(orjson.dumps(body))  # bytes of more than 1 MB would be sent in one go
        try:
            async with self.session.post(
                f"{self.url}/v1/chat/completions", data=data, headers={"Content-Type": "application/json"}
            ) as answer:
                said = await bounded(answer)
        except aiohttp.ClientConnectorError as error:
            raise Failed("unreachable", str(error)) from error
        except (aiohttp.ClientError, ConnectionError) as error:
            raise Lost("connection_lost", f"{type(error).__name__}: {error}") from error
        if answer.status != 200:
            raise failure(answer.status, said)
        return parse(said)

    async def models(self) -> list[str]:
        """The names that it serves. Raises OSError, ValueError."""
        async with self.session.get(
            f"{self.url}/v1/models", timeout=aiohttp.ClientTimeout(total=10)
        ) as answer:
            answer.raise_for_status()
            return [one["id"] for one in orjson.loads(await bounded(answer))["data"]]

    async def check(self, model: str) -> None:
        """EngineError unless it serves the model."""
        try:
            served = await self.models()
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError, KeyError) as error:
            raise EngineError(f"{self.url}: no OpenAI server answers ({error}); is the URL right?") from error
        if model not in served:
            raise EngineError(
                f"{self.url}: serves {', '.join(served) or 'nothing'}, not {model}; name its variant, or start vLLM with"
                f" --served-model-name {model}"
            )

    async def version(self) -> str:
        """What it calls itself; "unknown" where it has no word for it."""
        said = await self.look("/version")
        return f"vllm {orjson.loads(said)['version']}" if said else "unknown"

    async def look(self, path: str) -> bytes | None:
        """A page of it within ten seconds; None when it has none or does not answer."""
        try:
            async with self.session.get(
                f"{self.url}{path}", timeout=aiohttp.ClientTimeout(total=10)
            ) as answer:
                return await bounded(answer) if answer.status == 200 else None
        except (aiohttp.ClientError, TimeoutError, OSError, Failed):
            return None

    async def alive(self) -> bool:
        """Whether its server answers at all; a paused or hung engine's does."""
        return await self.look("/health") is not None

    async def answers(self, model: str, seconds: float) -> bool:
        """Whether one token comes back: a paused engine serves its pages and hangs its requests."""
        body = {"model": model, "messages": [{"role": "user", "content": "1"}], "max_tokens": 1}
        try:
            async with asyncio.timeout(seconds):
                await self.complete(body)
        except (RequestError, TimeoutError):
            return False
        return True

    async def gauges(self) -> dict[str, float]:
        """Its metrics by name, summed over labels; states of sleep keep theirs. Nothing where it has none."""
        found: dict[str, float] = {}
        try:
            for family in text_string_to_metric_families((await self.look("/metrics") or b"").decode()):
                for one in family.samples:
                    state = one.labels.get("sleep_state")
                    key = f"{one.name}:{state}" if state else one.name
                    found[key] = found.get(key, 0.0) + one.value
        except ValueError:  # a page of something else
            return {}
        return found


async def bounded(answer: aiohttp.ClientResponse) -> bytes:
    """The body, up to ANSWER_BYTES. Raises Failed."""
    said = bytearray()
    async for part in answer.content.iter_any():
        said += part
        if len(said) > ANSWER_BYTES:
            raise Failed("garbage", f"an answer of more than {ANSWER_BYTES:,} bytes")
    return bytes(said)


def failure(status: int, said: bytes) -> RequestError:
    text = said[:500].decode(errors="replace")
    if status in BUSY:
        return Failed("engine_busy" if status in (429, 503) else "engine_error", f"{status} {text}")
    if status in DENIED:
        return Failed("denied", f"{status} {text}")
    long = "context length" in text or "max_tokens" in text or "longer than the maximum" in text
    return Refused("too_long" if status == 400 and long else "refused", f"{status} {text}")


def parse(said: bytes) -> Answer:
    """Raises Failed for what is no answer of the OpenAI API."""
    try:
        found = orjson.loads(said)
        choice, usage = found["choices"][0], found.get("usage") or {}
        message = choice["message"]
        text, thought = (
            message.get("content") or "",
            message.get("reasoning_content") or message.get("reasoning") or "",
        )
        tokens = [int(usage.get(name) or 0) for name in ("prompt_tokens", "completion_tokens")]
        return Answer(str(text), str(thought), str(choice.get("finish_reason")), *tokens)
    except (orjson.JSONDecodeError, LookupError, TypeError, AttributeError, ValueError) as error:
        raise Failed("garbage", f"{error!r}: {said[:200].decode(errors='replace')}") from error


# An engine of our own

PR_SET_PDEATHSIG = 1  # linux/prctl.h
TIED = (
    f"import ctypes, os, sys; ctypes.CDLL(None).prctl({PR_SET_PDEATHSIG}, {int(signal.SIGTERM)});"
    " os.execvp(sys.argv[1], sys.argv[1:])"
)
LEASH = (sys.executable, "-c", TIED) if sys.platform == "linux" else ()
"""Before an engine's command: it is told to end when we die without a word, and holds no GPU for nobody. Elsewhere it stays."""


@dataclass
class Process:
    """An engine that we start; {port} in its command and environment stands for the port that its URL names."""

    command: Sequence[str]
    port: int
    environment: Mapping[str, str]
    log: str
    running: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ended(self) -> bool:
        """Whether it is gone without our doing."""
        return self.running is not None and self.running.returncode is not None

    async def start(self, engine: Engine, model: str) -> None:
        """Raises EngineError when it ends, or is not ready in time."""
        command = [*LEASH, *(one.replace("{port}", str(self.port)) for one in self.command)]
        with open(self.log, "ab") as log:  # noqa: ASYNC230  # a local file, once
            self.running = await asyncio.create_subprocess_exec(
                *command, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, **self.environment}, start_new_session=True,
            )  # fmt: skip
        until = time.monotonic() + START_SECONDS
        while not await engine.alive():
            if self.running.returncode is not None:
                raise EngineError(
                    f"the engine ended with {self.running.returncode} while it started; see {self.log}"
                )
            if time.monotonic() > until:
                raise EngineError(f"the engine is not ready after {START_SECONDS} s; see {self.log}")
            await asyncio.sleep(READY_POLL_SECONDS)
        await engine.check(model)

    async def stop(self, patience: float = STOP_SECONDS) -> None:
        """End it with all that it started: its first process is asked, as vLLM ends its others itself; then all are killed."""
        if self.running is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self.running.send_signal(signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.running.wait(), patience)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.running.pid, signal.SIGKILL)
        await self.running.wait()
        self.running = None
