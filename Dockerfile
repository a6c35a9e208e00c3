# syntax=docker/dockerfile:1

# CPU:  docker build -t tensorseed .
# CUDA: docker build -t tensorseed:cuda --build-arg CUDA=13 \
#           --build-arg TORCH_INDEX_URL=https://download.pytorch.org/whl/cu130 .
# The newest digest: docker buildx imagetools inspect docker.io/library/python:3.11-slim-bookworm
ARG BASE_IMAGE=docker.io/library/python:3.11-slim-bookworm@sha256:528257d48c1da0dcecc2e725d1ae34498d60c965f1241e39cd6a85a8859bdf84

FROM ${BASE_IMAGE} AS build
ARG PIP_INDEX_URL=https://pypi.org/simple
ARG TORCH_INDEX_URL=https://download.pytorch.org/whl/cpu
ARG CUDA=
# A package is a wheel with a known hash: building one would run what no hash covers.
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_NO_DEPS=1 \
    PIP_ONLY_BINARY=:all: \
    PIP_ROOT_USER_ACTION=ignore
# The environment has no pip of its own: what is not in the image cannot be run in it.
RUN python -m venv --without-pip /opt/tensorseed
WORKDIR /src
COPY deploy/requirements ./requirements
# torch alone comes from its own index, so that no other package can.
RUN python -m pip --python /opt/tensorseed/bin/python install --no-cache-dir --require-hashes \
    --index-url "${TORCH_INDEX_URL}" --requirement requirements/torch.txt
RUN python -m pip --python /opt/tensorseed/bin/python install --no-cache-dir --require-hashes \
    --index-url "${PIP_INDEX_URL}" --requirement requirements/service.txt ${CUDA:+--requirement requirements/cuda.txt}
RUN python -m pip install --no-cache-dir --require-hashes \
    --index-url "${PIP_INDEX_URL}" --requirement requirements/build.txt
COPY pyproject.toml setup.py README.md ./
COPY tensorseed ./tensorseed
COPY service ./service
RUN python -m pip wheel --no-build-isolation --no-binary tensorseed --wheel-dir wheels . \
    && python -m pip --python /opt/tensorseed/bin/python install --no-cache-dir --no-index wheels/*.whl
# Compiled for every level of x86-64 that the building machine has; a start elsewhere compiles what it lacks.
WORKDIR /
RUN TENSORSEED_PORTABLE_KERNELS=true /opt/tensorseed/bin/tensorseed compile --cache /opt/kernels

FROM ${BASE_IMAGE} AS final
ARG VERSION=0.1.0
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
ARG SOURCE=
LABEL org.opencontainers.image.title="tensorseed" \
      org.opencontainers.image.description="Initialised weight tensors over HTTP, each byte a pure function of its spec" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.source="${SOURCE}"
RUN groupadd --gid 10001 tensorseed \
    && useradd --uid 10001 --gid 10001 --no-log-init --no-create-home --home-dir /tmp --shell /usr/sbin/nologin tensorseed
COPY --from=build /opt/tensorseed /opt/tensorseed
COPY --from=build /opt/kernels /opt/kernels
ENV PATH=/opt/tensorseed/bin:${PATH} \
    HOME=/tmp \
    MPLCONFIGDIR=/tmp/matplotlib \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    TENSORSEED_HOST=0.0.0.0 \
    TENSORSEED_PORT=8000 \
    TENSORSEED_KERNEL_CACHE=/opt/kernels \
    TENSORSEED_PORTABLE_KERNELS=true
USER 10001:10001
WORKDIR /tmp
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-I", "-c", "import http.client, os, sys; c = http.client.HTTPConnection('127.0.0.1', int(os.environ['TENSORSEED_PORT']), timeout=4); c.request('GET', '/healthz'); sys.exit(c.getresponse().status != 200)"]
ENTRYPOINT ["tensorseed"]
CMD ["serve"]
