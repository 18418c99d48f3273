"""An engine that runs no model: the OpenAI API over HTTP, at a fixed rate, for the demo and the tests.

`python -m synth.engine_double --port P --slots 16 --rate 1000`: `slots` requests at once, each `rate` tokens a second. Answers
are a function of messages and seed, in the script of the question; some are cut off, loop or leak a control token, as a model's are.
`POST /double {"mode": …}` makes it `hang` (pages answer, requests do not), answer `garbage`, ask for the key `sesame` (`locked`), or be `ok`; a message with
`[[die]]` ends it, `[[hang]]`, `[[garbage]]`, `[[busy]]` and `[[refuse]]` do this for one request.
"""

import argparse
import asyncio
import os
import random
import re
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any

import orjson
from aiohttp import web

WORDS = {
    "en": [
        "water",
        "wind",
        "stone",
        "river",
        "light",
        "morning",
        "harbour",
        "garden",
        "paper",
        "bridge",
        "winter",
        "market",
        "window",
        "letter",
        "music",
        "road",
        "cloud",
        "field",
    ],
    "zh": list("山水风云日月江河花草木石田园书画琴棋春夏秋冬东西南北天地人和光阴年月长久明清高远"),
}
FAULTS = re.compile(r"\[\[(die|hang|garbage|busy|refuse)\]\]")
FLAWS = (0.04, 0.07, 0.10)  # of a hundred answers: four are cut off, three loop, three leak a token


class Double:
    """The state of one: its slots, its mode, and what it counted."""

    def __init__(self, model: str, slots: int, rate: float) -> None:
        self.model, self.rate, self.mode = model, rate, "ok"
        self.slots = asyncio.Semaphore(slots)
        self.tokens = self.running = self.waiting = 0
        self.stopped = asyncio.Event()  # never set: who waits for it hangs

    def application(self) -> web.Application:
        app = web.Application(client_max_size=64 << 20)
        app.router.add_post("/v1/chat/completions", self.chat)
        app.router.add_post("/double", self.command)
        for path, text in (
            ("/health", self.health),
            ("/metrics", self.metrics),
            ("/version", self.version),
            ("/v1/models", self.models),
        ):
            app.router.add_get(path, text)
        return app

    async def health(self, _: web.Request) -> web.Response:
        return web.Response()

    async def version(self, _: web.Request) -> web.Response:
        return web.json_response({"version": "double"})

    async def models(self, _: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": self.model, "object": "model"}]})

    async def metrics(self, _: web.Request) -> web.Response:
        said = {
            "generation_tokens_total": self.tokens,
            "num_requests_running": self.running,
            "num_requests_waiting": self.waiting,
        }
        asleep = int(self.mode == "sleep")
        lines = [f'vllm:{name}{{model_name="{self.model}"}} {value}' for name, value in said.items()]
        lines.append(f'vllm:engine_sleep_state{{sleep_state="weights_offloaded"}} {asleep}')
        return web.Response(text="\n".join(lines) + "\n")

    async def command(self, request: web.Request) -> web.Response:
        self.mode = (await request.json())["mode"]
        return web.Response()

    async def chat(self, request: web.Request) -> web.Response:
        body = orjson.loads(await request.read())
        text = "\n".join(str(one.get("content")) for one in body["messages"])
        fault = found[1] if (found := FAULTS.search(text)) else self.mode
        if fault == "locked" and request.headers.get("Authorization") != "Bearer sesame":
            return web.json_response({"error": {"message": "no valid key"}}, status=401)
        if fault == "die":
            os._exit(9)
        if fault in ("hang", "sleep"):
            await self.stopped.wait()
        if fault == "garbage":
            return web.Response(text='{"choices": [', content_type="application/json")
        if fault == "busy":
            return web.json_response({"error": {"message": "queue is full"}}, status=503)
        if fault == "refuse" or body.get("model") != self.model:
            return web.json_response({"error": {"message": f"no model {body.get('model')}"}}, status=400)
        self.waiting += 1
        async with self.slots:
            self.waiting, self.running = self.waiting - 1, self.running + 1
            try:
                return web.json_response(await self.answer(body, text))
            finally:
                self.running -= 1

    async def answer(self, body: Mapping[str, Any], text: str) -> dict[str, Any]:
        words, finish = written(text, int(body.get("seed", 0)), int(body.get("max_tokens", 16)))
        count = len(words)
        await asyncio.sleep(count / self.rate)
        self.tokens += count
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": (" " if text.isascii() else "").join(words)},
            "finish_reason": finish,
        }
        usage = {
            "prompt_tokens": len(text) // 4,
            "completion_tokens": count,
            "total_tokens": len(text) // 4 + count,
        }
        return {
            "id": "double",
            "object": "chat.completion",
            "model": self.model,
            "choices": [choice],
            "usage": usage,
        }


def written(text: str, seed: int, most: int) -> tuple[list[str], str]:
    """(tokens, finish reason)."""
    chance = random.Random(  # noqa: S311  # no secret
        blake2b(f"{seed}\0{text}".encode("utf-8", "surrogatepass"), digest_size=8).digest()
    )
    words = WORDS["en" if text.isascii() else "zh"]
    flaw, count = chance.random(), chance.randint(max(1, most // 2), max(1, most - 1))
    said = chance.choices(words, k=count)
    if flaw < FLAWS[0]:
        return chance.choices(words, k=most), "length"
    if flaw < FLAWS[1]:
        return (said[:4] * count)[:count], "stop"
    if flaw < FLAWS[2]:
        said[count // 2] = "<|im_end|>"
    return said, "stop"


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until ended; without arguments, those of the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--model", default="double")
    parser.add_argument("--slots", type=int, default=16)
    parser.add_argument("--rate", type=float, default=1_000.0)
    said = parser.parse_args(arguments)

    async def application() -> web.Application:
        return Double(said.model, said.slots, said.rate).application()

    web.run_app(application(), host="127.0.0.1", port=said.port, print=None, shutdown_timeout=1)


if __name__ == "__main__":
    main()
