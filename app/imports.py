"""Large packages are imported by one thread at a time.

Threads that import parts of one package from different ends lock each other out, and Python ends
that with an error in one of them: a Models panel opened while the model was loading did so. Nothing
is lost by it: importing hardly uses a second core.
"""

import threading

IMPORTING = threading.Lock()
