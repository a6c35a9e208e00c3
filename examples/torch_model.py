"""The file of a spec as the state dict of a torch module.

Usage: python examples/torch_model.py [http://127.0.0.1:8000]
"""

import sys
import urllib.request
from pathlib import Path

import torch
from safetensors.torch import load
from torch import nn

url = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8000"
spec = (Path(__file__).parent / "mlp.json").read_bytes()

with urllib.request.urlopen(urllib.request.Request(f"{url}/v1/weights", data=spec)) as answer:
    state = load(answer.read())

model = nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10))
model.load_state_dict(state)

signal = model(torch.ones(1, 784))
print("first weights:", [f"{x:.8f}" for x in model[0].weight[0, :3]])
print("output:", tuple(signal.shape))
