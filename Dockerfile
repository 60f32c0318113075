# Stages: the pages from npm, the service from PyPI, and a small image with neither's tools.

FROM node:22-slim AS explorer
WORKDIR /explorer
COPY web/explorer/package.json web/explorer/package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY web/explorer/build.mjs web/explorer/explorer.jsx web/explorer/key.js ./
RUN npm run build

FROM node:22-slim AS dashboard
WORKDIR /source/dashboard
COPY dashboard/package.json dashboard/package-lock.json ./
RUN npm ci --no-audit --no-fund --omit=dev
COPY web/explorer/key.js ../web/explorer/key.js
COPY dashboard ./
RUN npm run build

FROM python:3.11-slim AS service
WORKDIR /source
RUN python -m venv /opt/call-analytics
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY server.py settings.py ./
COPY access access
COPY cli cli
COPY db db
COPY resolvers resolvers
COPY schema schema
COPY telemetry telemetry
COPY web web
COPY --from=explorer /explorer/dist web/explorer/dist
COPY --from=dashboard /source/web/dashboard/dist web/dashboard/dist
RUN /opt/call-analytics/bin/pip install --no-cache-dir --constraint constraints.txt .

FROM python:3.11-slim
RUN useradd --system --create-home --home-dir /data call-analytics
COPY --from=service /opt/call-analytics /opt/call-analytics
ENV PATH=/opt/call-analytics/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    CALL_ANALYTICS_HOST=0.0.0.0
USER call-analytics
WORKDIR /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=2)"]
CMD ["call-analytics", "serve"]
