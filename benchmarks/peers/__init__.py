"""Other programs that answer about pictures, each in an environment of its own.

Every module but `environments` is run by that environment's Python, as a worker.
"""
