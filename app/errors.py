"""The named errors of the application, and nothing else.

Their message is written for the person at the page or the client of the API: what is wrong,
what was expected and what was found, what to do. Never a path, an address or a repr.

    ChatError
      InvalidRequest     400   what was sent can't be used
        PictureError     400   a file that can't be read as a picture
        TooLong          400   more than the model reads at once
      UnknownModel       404   no such model here
      NotFound           404   no such conversation, message or picture of this owner
      LineFull           429   too many are waiting; try again
      NotReady           503   loading, draining or failed; try again
      EngineError        500   an answer began and could not be finished
      StorageError       507   the disk is full, or refuses otherwise
      SettingsError      -     the program can't start so; exit status 2
"""


class ChatError(Exception):
    """The base of the tree. `status` and `code` are what the HTTP API answers."""

    status: int = 500
    code: str = "internal_error"

    def __init__(self, message: str, *, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.retry_after = retry_after  # whole seconds, of `Retry-After`


class InvalidRequest(ChatError):
    """What was sent can't be used as it is."""

    status = 400
    code = "invalid_request"


class PictureError(InvalidRequest):
    """A file can't be read as a picture."""

    code = "invalid_picture"


class TooLong(InvalidRequest):
    """A conversation is longer than the model reads, or than the memory for it."""

    code = "context_length_exceeded"


class UnknownModel(ChatError):
    """The model that was asked for isn't served here."""

    status = 404
    code = "model_not_found"


class NotFound(ChatError):
    """Nothing of that id belongs to this owner."""

    status = 404
    code = "not_found"


class LineFull(ChatError):
    """The waiting line has no place left."""

    status = 429
    code = "rate_limit_exceeded"

    def __init__(self, message: str, *, retry_after: int = 1) -> None:
        super().__init__(message, retry_after=retry_after)


class NotReady(ChatError):
    """The engine is loading, draining or has failed."""

    status = 503
    code = "not_ready"

    def __init__(self, message: str, *, retry_after: int = 1) -> None:
        super().__init__(message, retry_after=retry_after)


class EngineError(ChatError):
    """The engine failed while it answered."""

    code = "engine_error"


class StorageError(ChatError):
    """Something can't be kept, or read again: the disk refuses."""

    status = 507
    code = "storage_error"


class SettingsError(ChatError):
    """The program can't start with these settings; said in one line, exit status 2."""

    code = "invalid_settings"
