"""A real Chromium without a window, asked over its DevTools pipe (file descriptors 3 and 4): no driver, no port, no package."""

import base64
import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--hide-scrollbars", "--remote-debugging-pipe")  # fmt: skip


class Tab:
    """One page: what it asked of the network, what it wrote to the console, and what JavaScript says of it."""

    def __init__(self, reads: int, writes: int) -> None:
        self.reads, self.writes, self.number, self.buffer = reads, writes, 0, b""
        self.session: str | None = None
        self.events: list[dict[str, Any]] = []
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.ask(f"{domain}.enable")

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """The answer to one command; events that come before it are kept."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if self.session is not None:
            message["sessionId"] = self.session
        os.write(self.writes, json.dumps(message).encode() + b"\0")
        while (said := self.hear()).get("id") != self.number:
            self.events.append(said)
        if "error" in said:
            raise RuntimeError(f"{method}: {said['error']}")
        return said["result"]

    def hear(self) -> dict[str, Any]:
        while b"\0" not in self.buffer:
            data = os.read(self.reads, 1 << 20)
            if not data:
                raise RuntimeError("Chromium ended")
            self.buffer += data
        message, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(message)

    def open(self, path: Path, theme: str = "light", width: int = 1100) -> None:
        """Load a file, at a width and in a theme, and wait until it stands."""
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=900,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        features = [{"name": "prefers-color-scheme", "value": theme}]
        self.ask("Emulation.setEmulatedMedia", features=features)
        self.events.clear()
        self.ask("Page.navigate", url=path.as_uri())
        while not any(one.get("method") == "Page.loadEventFired" for one in self.events):
            self.events.append(self.hear())

    def run(self, code: str) -> Any:
        """The value of a JavaScript expression."""
        said = self.ask("Runtime.evaluate", expression=code, returnByValue=True)
        if "exceptionDetails" in said:
            raise RuntimeError(str(said["exceptionDetails"]))
        return said["result"].get("value")

    def key(self, name: str) -> None:
        """A key, pressed and let go."""
        text = {"Enter": "\r", " ": " "}.get(name, "")
        for kind in ("keyDown", "keyUp"):
            self.ask("Input.dispatchKeyEvent", type=kind, key=name, code=name, text=text if kind == "keyDown" else "",
                     windowsVirtualKeyCode={"Enter": 13, " ": 32, "ArrowRight": 39}.get(name, 0))  # fmt: skip

    def said(self, *methods: str) -> list[dict[str, Any]]:
        """The events of these kinds since the page was opened."""
        self.run("1")  # what happened before this is told before its answer
        return [one["params"] for one in self.events if one.get("method") in methods]

    @property
    def requests(self) -> list[str]:
        return [one["request"]["url"] for one in self.said("Network.requestWillBeSent")]

    @property
    def errors(self) -> list[dict[str, Any]]:
        return self.said("Runtime.exceptionThrown", "Log.entryAdded", "Runtime.consoleAPICalled", "Page.javascriptDialogOpening")  # fmt: skip

    def picture(self, path: Path, whole: bool = True) -> None:
        """A screenshot of all of the page, or of what is in view."""
        size = self.ask("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], 16_000), "scale": 1}
        more = {"captureBeyondViewport": True, "clip": clip} if whole else {}
        path.write_bytes(base64.b64decode(self.ask("Page.captureScreenshot", **more)["data"]))


@contextmanager
def chromium() -> Iterator[Tab]:
    """A tab of a fresh Chromium, which ends with the block."""
    theirs_in, ours_out = os.pipe()
    ours_in, theirs_out = os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        program = (
            f"exec chromium {' '.join(FLAGS)} --user-data-dir='{profile}' 3<&{theirs_in} 4>&{theirs_out}"
        )
        started = subprocess.Popen(["bash", "-c", program], pass_fds=(theirs_in, theirs_out),
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
        os.close(theirs_in)
        os.close(theirs_out)
        try:
            yield Tab(ours_in, ours_out)
        finally:
            os.close(ours_out)
            os.close(ours_in)
            started.terminate()
            started.wait(30)
