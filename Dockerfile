# docker build -t llava-chat .
# docker run -p 127.0.0.1:7860:7860 -v llava-chat:/data -e LLAVA_CHAT_AUTH=me:a-long-password llava-chat

FROM python:3.13-slim-trixie AS environment
WORKDIR /srv
COPY requirements.txt requirements-video.txt ./
RUN python -m venv .venv \
    && .venv/bin/python -m pip install --no-cache-dir --disable-pip-version-check \
        --require-hashes --only-binary :all: -r requirements.txt -r requirements-video.txt
# Importing the model once leaves OpenBLAS in the environment, ready for MLX: later nobody may write.
COPY model model
RUN .venv/bin/python -c "import model"

FROM python:3.13-slim-trixie
RUN useradd --uid 10001 --create-home chat \
    && install --directory --owner=chat --mode=700 /data
WORKDIR /srv
COPY --from=environment /srv/.venv .venv
COPY . .
RUN .venv/bin/python -m compileall -q app model

USER 10001
# Listening on every address of the container needs a password: LLAVA_CHAT_AUTH.
ENV LLAVA_CHAT_HOST=0.0.0.0 \
    LLAVA_CHAT_PORT=7860 \
    LLAVA_CHAT_DATA_DIR=/data \
    HF_HOME=/data/huggingface
VOLUME /data
EXPOSE 7860
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s CMD [".venv/bin/python", "-c", \
    "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + os.environ['LLAVA_CHAT_PORT'] + '/health', timeout=4)"]
ENTRYPOINT [".venv/bin/python", "-m", "app"]
