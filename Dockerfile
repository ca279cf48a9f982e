# The page and the service: docker compose up, or docker build -t colorize . && docker run -p 127.0.0.1:7860:7860 colorize
FROM python:3.13-slim AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY colorize colorize
COPY docs/learned-loss docs/learned-loss
RUN python -m venv /venv && /venv/bin/python -m pip install --no-cache-dir '.[web,video]'

FROM python:3.13-slim
RUN useradd --uid 10001 --create-home colorize
COPY --from=build /venv /venv
USER 10001
# Uploads, results and caches of libraries go to /tmp. Nothing else is written.
ENV PATH=/venv/bin:$PATH HOME=/tmp PYTHONUNBUFFERED=1 COLORIZE_HOST=0.0.0.0 COLORIZE_PORT=7860
EXPOSE 7860
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:7860/healthz', timeout=4)"]
CMD ["colorize-app"]
