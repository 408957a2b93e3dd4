import pytest

from app.api.data_url import decode
from app.errors import ChatError, InvalidRequest, PictureError


@pytest.mark.parametrize(
    "url",
    ["data:image/png;base64,aGk=", "DATA:;BASE64,aGk=", "data:text/plain;charset=x;base64,aGk="],
)
def test_the_bytes_come_out_whatever_it_says_it_is(url: str) -> None:
    assert decode(url) == b"hi"


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/a.png",
        "https://example.org/a.png",
        "file:///etc/hostname",
        "/etc/hostname",
        "ftp://x",
        "\\\\host\\share",
        "",
        "javascript:data:",
        " data:image/png;base64,aGk=",
    ],
)
def test_whatever_would_have_to_be_fetched_is_refused(url: str) -> None:
    with pytest.raises(InvalidRequest, match="fetches nothing"):
        decode(url)


@pytest.mark.parametrize(
    "url",
    [
        "data:image/png,plain",
        "data:image/png;base64",
        "data:image/png;base64,a",
        "data:image/png;base64,aGk=!",
        "data:image/png;base64,aGkä",
        "data:image/png;base64,\ud800",
    ],
)
def test_a_damaged_data_url_is_said(url: str) -> None:
    with pytest.raises(PictureError, match="data URL"):
        decode(url)


def test_the_message_repeats_nothing_of_the_url() -> None:
    for url in ("http://secret.example/?token=1", "data:secret,token"):
        with pytest.raises(ChatError) as refusal:
            decode(url)
        assert "secret" not in str(refusal.value)
