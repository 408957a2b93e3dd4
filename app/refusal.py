"""The one shape of an error over HTTP, OpenAI's: `{"error": {"message", "type", "param", "code"}}`.

Knows nothing of what was asked.
"""

from collections.abc import Mapping

from starlette.responses import JSONResponse

TYPES = {401: "authentication_error", 404: "not_found_error", 429: "rate_limit_exceeded"}


def refusal(
    status: int, code: str, message: str, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """An answer that says what is wrong; `message` is for people, `code` for programs."""
    kind = TYPES.get(status, "invalid_request_error" if status < 500 else "server_error")
    error = {"message": message, "type": kind, "param": None, "code": code}
    return JSONResponse({"error": error}, status, dict(headers or {}))
