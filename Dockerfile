# Two images: `gateway` (web, workers, beat) and `flower`, which is the same with Flower inside.
ARG PYTHON=3.13-slim-trixie

FROM python:${PYTHON} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
# Wheels only: nothing is compiled here, so nothing but Python is needed.
COPY requirements/build.txt requirements/run.txt requirements/
RUN pip install --only-binary :all: --require-hashes -r requirements/build.txt
RUN python -m venv --without-pip /venv \
    && pip --python /venv/bin/python install --only-binary :all: --require-hashes -r requirements/run.txt
COPY pyproject.toml README.md LICENSE ./
COPY gateway/ gateway/
COPY tasks/ tasks/
RUN pip wheel --no-deps --no-build-isolation --wheel-dir /wheels . \
    && pip --python /venv/bin/python install --no-deps /wheels/*.whl

FROM build AS build-flower
COPY requirements/flower.txt requirements/
RUN pip --python /venv/bin/python install --only-binary :all: --require-hashes -r requirements/flower.txt

FROM python:${PYTHON} AS base
RUN groupadd --system --gid 10001 gateway \
    && useradd --system --uid 10001 --gid gateway --no-create-home --home-dir /nonexistent gateway
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
# Rules are read from here unless GATEWAY_RULES says otherwise; no `.env` is copied in.
WORKDIR /app
USER 10001:10001

FROM base AS flower
COPY --from=build-flower /venv /venv
COPY deploy/flowerconfig.py deploy/
EXPOSE 5555
CMD ["celery", "-A", "tasks", "flower", "--conf=deploy/flowerconfig.py"]

# The last stage is what a plain `docker build .` makes.
FROM base AS gateway
COPY --from=build /venv /venv
EXPOSE 8000 8001
CMD ["gateway", "serve", "--host", "0.0.0.0"]
