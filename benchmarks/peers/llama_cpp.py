"""llama.cpp through xllamacpp: its own server in this process, prompt cache and slots as it has."""

import base64
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any

import xllamacpp

from benchmarks import work
from benchmarks.peers import gguf_files
from benchmarks.surroundings import versions
from benchmarks.worker import Answer, Clock, serve, together

# What `work.render` writes.
TEMPLATE = (
    "{% for m in messages %}"
    "{% if m.role == 'system' %}{{ m.content }} {% elif m.role == 'user' %}USER: "
    "{% if m.content is string %}{{ m.content }}"
    "{% else %}{% for part in m.content %}{{ part.text }}{% endfor %}{% endif %} "
    "{% else %}ASSISTANT: {{ m.content }}</s>{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}ASSISTANT:{% endif %}"
)


class LlamaCpp:
    def __init__(self, checkpoint: str, folder: str, kind: str) -> None:
        model, mmproj = gguf_files.write(Path(checkpoint), Path(folder), kind)
        params = xllamacpp.CommonParams()
        params.model.path = str(model)
        params.mmproj.path = str(mmproj)
        params.n_ctx = 2048 * work.CHATS
        params.n_parallel = work.CHATS
        params.cpuparams.n_threads = work.THREADS
        params.cpuparams_batch.n_threads = work.THREADS
        params.warmup = True
        params.use_jinja = True
        params.chat_template = TEMPLATE
        self._server = xllamacpp.Server(params)
        self._pool = ThreadPoolExecutor(work.CHATS)

    def start(self) -> Answer:
        return {"versions": versions(("xllamacpp", "gguf"))}

    def first(self, picture: str, number: int) -> Answer:
        said = self._ask([], work.question(number), picture, work.LONG_ANSWER)
        told = {"first": said.clock.first, "speed": said.clock.speed, "text": said.text}
        return told | {"prompt": said.prompt}

    def cold(self, pictures: Sequence[str]) -> Answer:
        asked = (self._ask([], work.question(0), one, work.BEGINNING) for one in pictures)
        return {"first": median(said.clock.first for said in asked)}

    def talk(self, picture: str, turns: int) -> Answer:
        turns_said: list[work.Turn] = []
        firsts: list[float] = []
        for number in range(turns):
            asked = work.question(number)
            said = self._ask(turns_said, asked, picture, work.ANSWER, cached=True)
            firsts.append(said.clock.first)
            turns_said.append((asked, said.text))
        return {"firsts": firsts, "prompt": said.prompt}

    def chats(self, count: int) -> Answer:
        asked = [work.chat_text(number) for number in range(count)]
        said = list(self._pool.map(lambda text: self._ask([], text), asked))
        return {"speed": together([one.clock for one in said])}

    def chats_with_pictures(self, pictures: Sequence[str]) -> Answer:
        asked = [work.question(number) for number in range(len(pictures))]
        said = list(self._pool.map(lambda *both: self._ask([], *both), asked, pictures))
        tokens = sum(len(one.clock.times) for one in said)
        return {"speed": tokens / max(one.clock.times[-1] for one in said)}

    def _ask(
        self,
        turns: Sequence[work.Turn],
        newest: str,
        picture: str | None = None,
        tokens: int = work.LONG_ANSWER,
        cached: bool = False,
    ) -> "_Said":
        said = _Said()
        request = {
            "messages": _messages(turns, newest, picture),
            "max_tokens": tokens,
            "temperature": 0,
            "top_k": 1,
            "ignore_eos": True,
            "cache_prompt": cached,
            "stream": True,
        }
        self._server.handle_chat_completions(request, said.take)
        if len(said.clock.times) != tokens:
            came = said.error or f"{len(said.clock.times)} came"
            raise RuntimeError(f"{tokens} tokens were asked for: {came}")
        return said


def _messages(turns: Sequence[work.Turn], newest: str, picture: str | None) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = [{"role": "system", "content": work.SYSTEM}]
    for question, answer in turns:
        messages.append({"role": "user", "content": question})
        messages.append({"role": "assistant", "content": answer})
    messages.append({"role": "user", "content": newest})
    if picture is not None:
        data = base64.b64encode(Path(picture).read_bytes()).decode()
        image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}
        text = {"type": "text", "text": "\n" + messages[1]["content"]}
        messages[1]["content"] = [image, text]
    return messages


class _Said:
    """An answer while it comes."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.prompt = 0
        self.error = ""
        self._text = ""

    @property
    def text(self) -> str:
        return self._text.strip()

    def take(self, piece: Any) -> None:
        """What is raised in here nobody hears of."""
        if "error" in piece:
            self.error = str(piece["error"])
            return
        self.prompt = piece.get("timings", {}).get("prompt_n", self.prompt)
        text = piece["choices"][0]["delta"].get("content")
        if text:
            self.clock.token()
            self._text += text


if __name__ == "__main__":
    serve(LlamaCpp(*sys.argv[1:4]))
