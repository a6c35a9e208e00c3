"""Baseline: torch.nn.init behind FastAPI.

`python -m benchmarks.plain PORT PROCESSES` serves it.
"""

from __future__ import annotations

import sys

import safetensors.torch
import torch
import uvicorn
from fastapi import FastAPI
from fastapi.responses import Response

READY = torch.nn.init.kaiming_normal_(torch.empty(256, 784)).numpy().tobytes()
OCTETS = "application/octet-stream"
STARTING_SECONDS = 120  # that a process has to import torch, before it is ended and started again

app = FastAPI()


@app.get("/weights")
def weights(rows: int, columns: int) -> Response:
    """Draw, serialise, answer."""
    tensor = torch.nn.init.normal_(torch.empty(rows, columns))
    return Response(safetensors.torch.save({"weight": tensor}), media_type=OCTETS)


@app.get("/ready")
async def ready() -> Response:
    """Bytes that lie there already, of a 256×784 tensor."""
    return Response(READY, media_type=OCTETS)


if __name__ == "__main__":
    uvicorn.run(
        "benchmarks.plain:app",
        port=int(sys.argv[1]),
        workers=int(sys.argv[2]),
        loop="uvloop",
        http="httptools",
        log_level="warning",
        access_log=False,
        timeout_worker_healthcheck=STARTING_SECONDS,
    )
