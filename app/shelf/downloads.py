"""Downloads of models from the hub, each on a thread of its own.

A page that is closed ends none of them. The end of the program does, and what has arrived is gone
on with later.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from app.errors import InvalidRequest
from app.failures import log_failure
from app.imports import import_models
from model import hub
from model.errors import CheckpointError
from model.shelf.pace import Pace

log = logging.getLogger(__name__)

MOST = 2  # at once


class _Paused(Exception):
    """Ends a download that is to be gone on with later."""


@dataclass(slots=True)
class Download:
    """A download of this process; `said` is why it ended, where that isn't by being complete."""

    repository: str
    done: int = 0
    total: int = 0
    said: str = ""
    running: bool = True
    pace: Pace = field(default_factory=Pace)
    stop: threading.Event = field(default_factory=threading.Event)

    def tell(self, done: int, total: int) -> None:
        if self.stop.is_set():
            raise _Paused
        if total:
            self.done, self.total = done, total
            self.pace.tell(done)


class Downloads:
    """The downloads of this process, by repository. `ended` is called on a download's thread."""

    def __init__(self, ended: Callable[[], None]) -> None:
        self._ended = ended
        self._known: dict[str, Download] = {}

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    @property
    def running(self) -> list[Download]:
        return [one for one in self._known.values() if one.running]

    def get(self, repository: str) -> Download | None:
        return self._known.get(repository)

    def begin(self, repository: str) -> None:
        """Begin a download, or go on with it. Raises InvalidRequest where too many are running."""
        running = self.running
        if any(one.repository == repository for one in running):
            return
        if len(running) >= MOST:
            raise InvalidRequest(f"{MOST} downloads are running: pause one of them first.")
        before = self._known.get(repository)
        download = Download(repository, *((before.done, before.total) if before else ()))
        self._known[repository] = download
        # A daemon: the program's end waits for no network.
        threading.Thread(target=self._run, args=[download], name="download", daemon=True).start()

    def pause(self, repository: str) -> None:
        """End a download; what has arrived is kept."""
        if repository in self._known:
            self._known[repository].stop.set()

    def forget(self, repository: str) -> None:
        self._known.pop(repository, None)

    def _run(self, download: Download) -> None:
        try:
            import_models()
            hub.pull(download.repository, download.tell)
        except _Paused:
            log.info("a download is paused")
        except CheckpointError as error:
            download.said = str(error)
        except Exception as error:
            log_failure(log, "a download failed", error)
            download.said = "The download failed; the log says more. What has arrived is kept."
        finally:
            download.running = False
            self._ended()
