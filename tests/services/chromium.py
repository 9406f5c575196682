"""The machine's Chromium: test tools drive it, and download no browser of their own."""

import os
from pathlib import Path
from typing import Final

from tests.services.service import executable

NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# It is to speak to the server under test and to nobody else.
QUIET: Final = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-default-browser-check",
    "--no-first-run",
)


class Chromium:
    """Where it is and how it is to be started; the test tool starts and ends it."""

    name = "Chromium"

    @classmethod
    def missing(cls) -> str | None:
        return None if cls.executable() else "Chromium is not installed"

    @classmethod
    def executable(cls) -> Path | None:
        """CIBA_CHROMIUM names another one, as a system's own packaging may need."""
        if chosen := os.environ.get("CIBA_CHROMIUM"):
            return Path(chosen)
        return next((path for name in NAMES if (path := executable(name))), None)

    @classmethod
    def arguments(cls) -> list[str]:
        """Chromium's own sandbox refuses root, so root goes without."""
        return [*QUIET, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
