#!/usr/bin/env bash
# A plan, a range, a resumed download and the digest, with curl.
# Usage: bash examples/curl.sh [http://127.0.0.1:8000]
set -euo pipefail

url=${1:-http://127.0.0.1:8000}
spec=$(dirname "$0")/mlp.json
folder=$(mktemp -d)
trap 'rm -r "$folder"' EXIT

# What the file would be. Its path names its bytes for good.
path=$(curl -sf --data-binary "@$spec" "$url/v1/weights/plan" | python3 -c 'import json, sys; print(json.load(sys.stdin)["url"])')

# Size and ETag, without the file.
curl -sfI "$url$path" | grep -iE '^(content-length|etag):'

# The first 1,000 bytes, then the rest: as after a cut connection.
curl -sf --range 0-999 "$url$path" --output "$folder/mlp.safetensors"
curl -sf --continue-at - "$url$path" --output "$folder/mlp.safetensors"

# The digest of the server, and that of the file.
expected=$(curl -sf "$url$path/digest" | python3 -c 'import json, sys; print(json.load(sys.stdin)["digest"])')
echo "$expected  $folder/mlp.safetensors" | sha256sum --check --quiet
echo "sha256: $expected"

# A slice of one tensor, as numbers.
curl -sf --header 'Accept: application/json' "$url$path/tensors/0.weight?slice=0:1,0:3"
echo
