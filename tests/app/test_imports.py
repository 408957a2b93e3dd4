"""Imports of several threads at once: a page opened while the model is being loaded."""

import os
import subprocess
import sys
from pathlib import Path

from tests.checkpoints import write_checkpoint
from tests.hub_server import HubServer

TOGETHER = """
import threading, time
from app import engine
from app.shelf import disk

failures = []

def load():
    engine._load("model/pocket", lambda progress: None)

def look():
    time.sleep(0.05)  # the other thread is amid its imports
    disk.look()

def note(work):
    try:
        work()
    except BaseException as error:
        failures.append(repr(error))

threads = [threading.Thread(target=note, args=[work]) for work in (load, look)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(failures, flush=True)
"""

AFTERWARDS = """
import sys
from app.shelf import disk
from app.imports import import_models
from model import hub

import_models()
late = set()

def note(event, args):
    if event == "import":
        late.add(args[0])

sys.addaudithook(note)
disk.look()
hub.pull("them/tiny")
disk.look()
disk.remove("them/tiny")
print(sorted(name for name in late if name.partition(".")[0] not in sys.stdlib_module_names))
"""


def test_the_shelf_may_be_looked_at_while_a_model_is_being_loaded() -> None:
    done = subprocess.run([sys.executable, "-c", TOGETHER], capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr


def test_disk_and_downloads_import_nothing_later(tmp_path: Path) -> None:
    """What a thread imports later could meet the model's thread, which imports on."""
    with HubServer(tmp_path / "served") as hub:
        write_checkpoint(hub.repository("them/tiny"))
        environment = os.environ | hub.environment(tmp_path / "cache")
        done = subprocess.run(
            [sys.executable, "-c", AFTERWARDS], env=environment, capture_output=True, text=True
        )
    assert done.stdout == "[]\n", done.stderr + done.stdout
