"""Answers errors over HTTP in OpenAI's shape, with their status and their Retry-After."""

from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from app.errors import ChatError, InvalidRequest
from app.refusal import refusal


def answer(error: ChatError) -> JSONResponse:
    """The response of an error."""
    headers = {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
    return refusal(error.status, error.code, error.message, headers)


def install(app: FastAPI) -> None:
    """Let `app` answer ChatError and what the framework raises in the one shape."""
    app.add_exception_handler(ChatError, _chat_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_error)


async def _chat_error(request: Request, error: Any) -> JSONResponse:
    return answer(error)


async def _validation_error(request: Request, error: Any) -> JSONResponse:
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    return answer(InvalidRequest(f"{place}: {first['msg']}."))


async def _http_error(request: Request, error: Any) -> JSONResponse:
    return refusal(error.status_code, "http_error", f"{error.detail}.", error.headers)
