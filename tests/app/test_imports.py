"""Imports of several threads at once: a page opened while the model is being loaded."""

import subprocess
import sys

TOGETHER = """
import threading, time
from app import engine, shelf

failures = []

def load():
    engine._load("model/pocket", lambda progress: None)

def look():
    time.sleep(0.05)  # the other thread is amid its imports
    shelf._look_at_disk()

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


def test_the_shelf_may_be_looked_at_while_a_model_is_being_loaded() -> None:
    done = subprocess.run([sys.executable, "-c", TOGETHER], capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr
