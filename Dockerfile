# One image for every service of compose.yaml: what it does is its command. No root, nothing to write but its mounts.
FROM python:3.11-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /build
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY audit audit
COPY privacy privacy
COPY federated federated
COPY consent_center consent_center
RUN python -m venv /opt/accord && /opt/accord/bin/pip install -c constraints.txt .

FROM python:3.11-slim
RUN useradd --uid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin accord \
    && mkdir /data && chown accord /data
COPY --from=build /opt/accord /opt/accord
ENV PATH=/opt/accord/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    FLWR_TELEMETRY_ENABLED=0 FLWR_DISABLE_UPDATE_CHECK=1
WORKDIR /data
USER 10001
CMD ["accord", "--help"]
