"""A process whose clock is wrong: libfaketime, loaded into it. Its monotonic clock is right."""

from __future__ import annotations

from pathlib import Path

LIBRARY = "/usr/lib/*/faketime/libfaketime.so.1"
SHARED = Path("/dev/shm")


class WrongClock:
    """The clock of processes that are started with `environment`; it may be set while they run.

    Such a process must not sleep in a thread (`time.sleep`): the library breaks that.
    """

    def __init__(self, folder: Path, seconds: int) -> None:
        self.file = folder / "clock"
        self.set(seconds)

    def set(self, seconds: int) -> None:
        """Let it be so many seconds fast (negative: slow) from now on."""
        new = self.file.with_suffix(".new")
        new.write_text(f"{seconds:+d}\n")
        new.replace(self.file)

    @property
    def environment(self) -> dict[str, str]:
        (library,) = map(str, Path("/").glob(LIBRARY.lstrip("/")))
        return {
            "LD_PRELOAD": library,
            "FAKETIME_TIMESTAMP_FILE": str(self.file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    @staticmethod
    def tidy(process: int) -> None:
        """Remove what a process of this number left: one that is killed does not do it itself."""
        for name in (f"faketime_shm_{process}", f"sem.faketime_sem_{process}"):
            (SHARED / name).unlink(missing_ok=True)
