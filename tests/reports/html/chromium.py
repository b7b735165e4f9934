"""A headless Chromium, driven over the W3C WebDriver protocol by plain HTTP."""

import base64
import json
import shutil
import subprocess
import time
import urllib.request
from pathlib import Path
from typing import Any


def why_not() -> str | None:
    """Why there is no browser to look with; None where there is one."""
    missing = [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]
    return f"not installed: {', '.join(missing)} (apt install chromium chromium-driver)" if missing else None


class Chromium:
    """One window; use as a context."""

    def __init__(self, *flags: str, width: int = 1200, height: int = 900) -> None:
        self._flags = ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", *flags]
        self._size = (width, height)

    def __enter__(self) -> "Chromium":
        self._driver = subprocess.Popen(
            ["chromedriver", "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert self._driver.stdout is not None
        line = next(line for line in self._driver.stdout if "started successfully on port" in line)
        self._base = f"http://127.0.0.1:{line.rstrip().rstrip('.').rpartition(' ')[2]}/session"
        options = {"args": [*self._flags, f"--window-size={self._size[0]},{self._size[1]}"]}
        wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        session = self._ask("POST", "", {"capabilities": {"alwaysMatch": wanted}})
        self._base += f"/{session['sessionId']}"
        return self

    def __exit__(self, *error: object) -> None:
        self._ask("DELETE", "")
        self._driver.terminate()
        self._driver.wait()
        assert self._driver.stdout is not None
        self._driver.stdout.close()

    def open(self, address: str) -> None:
        """Open a page and wait until it has loaded."""
        self._ask("POST", "/url", {"url": address})

    def run(self, script: str) -> Any:
        """The value that a script returns."""
        return self._ask("POST", "/execute/sync", {"script": script, "args": []})

    def wait_until(self, script: str, seconds: float = 10.0) -> None:
        """Wait until a script returns true.

        Raises:
            TimeoutError: it has not in so many seconds.
        """
        end = time.monotonic() + seconds
        while not self.run(script):
            if time.monotonic() > end:
                raise TimeoutError(f"not true within {seconds} s: {script}")
            time.sleep(0.05)

    def errors(self) -> list[str]:
        """What the console has reported as going wrong since the last question."""
        entries = self._ask("POST", "/se/log", {"type": "browser"})
        return [entry["message"] for entry in entries if entry["level"] in ("SEVERE", "WARNING")]

    def devtools(self, command: str, **parameters: Any) -> Any:
        """The answer to a command of Chromium's own protocol."""
        return self._ask("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def picture(self, path: Path) -> None:
        """Save the whole page, also what lies below the window's edge."""
        answer = self.devtools("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(answer["data"]))

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._base + path, data, {"Content-Type": "application/json"}, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["value"]
