# Every verb of the project. `make run` and `make test` set up what they need.
PYTHON ?= python3
HOST ?= 127.0.0.1
PORT ?= 8000
VENV := .venv
BIN := $(VENV)/bin
SERVICE := $(VENV)/.installed-service
DEV := $(VENV)/.installed-dev
PIP := $(BIN)/python -m pip --disable-pip-version-check
TOOLS := build/tools
CLIENTS := build/clients
export PYTHONDONTWRITEBYTECODE :=
LLAMA_CPP_PYTHON := 0.3.36
TORCH_INDEXES ?= https://download.pytorch.org/whl/cpu https://download.pytorch.org/whl/cu130

.PHONY: help run test lint setup clients openapi docs vectors bench soak image-check audit sbom lock kernels clean

help: ## what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

run: $(SERVICE) ## serve on HOST:PORT (127.0.0.1:8000)
	@$(BIN)/python -m service serve --host $(HOST) --port $(PORT)

# One process more than the two cores of a small machine: many tests wait for a server.
test: setup clients kernels ## the whole test suite
	$(BIN)/python -m pytest -n 3 --dist worksteal

lint: setup ## ruff, mypy strict, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Once, in place of in every process of the tests.
kernels: setup
	@$(BIN)/python -m tensorseed compile

setup: $(DEV) ## the virtual environment, with the exact versions of constraints.txt

$(SERVICE): pyproject.toml setup.py constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "tensorseed needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; exit 1; }
	@echo "Installing the service into $(VENV), once. The largest part is torch."
	$(PYTHON) -m venv $(VENV)
	$(PIP) install -c constraints.txt -e '.[service]'
	@touch $@

# Of thousands of modules few are imported: those are compiled then.
$(DEV): $(SERVICE)
	@echo "Installing what the tests need into $(VENV), once."
	$(PIP) install --no-compile -c constraints.txt -e '.[dev]'
	@touch $@

clients: $(CLIENTS)/hub-0.36/.installed $(CLIENTS)/transformers-4/.installed $(CLIENTS)/stack/.installed $(CLIENTS)/node/.installed $(CLIENTS)/axe/.installed $(CLIENTS)/azure/.installed $(CLIENTS)/openapi/.installed $(CLIENTS)/openapi-python/.installed ## the other clients that the tests run, and what generates clients

$(CLIENTS)/hub-0.36/.installed: tests/clients/hub-0.36.txt | $(DEV)
	$(BIN)/python -m venv --clear $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --no-compile --no-deps --requirement $<
	touch $@

# torch and NumPy are those of the main environment, behind the packages of its own.
$(CLIENTS)/transformers-4/.installed: tests/clients/transformers-4.txt | $(DEV)
	$(BIN)/python -m venv --clear $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --no-compile --no-deps --requirement $<
	$(BIN)/python -c 'import os, torch; print(os.path.dirname(os.path.dirname(os.path.realpath(torch.__file__))))' > \
		"$$($(@D)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/main.pth"
	touch $@

# llama.cpp's converter and the reader of its files come out of the sources of llama-cpp-python, which are not built.
$(CLIENTS)/stack/.installed: tests/clients/stack.txt | $(DEV)
	$(BIN)/python -m venv --clear $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --no-compile --no-deps --requirement $<
	$(BIN)/python -c 'import os, torch; print(os.path.dirname(os.path.dirname(os.path.realpath(torch.__file__))))' > \
		"$$($(@D)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/main.pth"
	$(@D)/bin/python -m pip download --quiet --disable-pip-version-check --no-deps --no-binary :all: \
		--dest $(@D) llama-cpp-python==$(LLAMA_CPP_PYTHON) || \
		echo "no sources of llama-cpp-python: the tests of llama.cpp's converter will be skipped"
	for sources in $(@D)/llama_cpp_python-*.tar.gz; do \
		if [ -f "$$sources" ]; then mkdir -p $(@D)/llama.cpp && tar -xzf "$$sources" -C $(@D)/llama.cpp \
			--strip-components=3 --wildcards '*/vendor/llama.cpp/convert_hf_to_gguf.py' \
			'*/vendor/llama.cpp/conversion' '*/vendor/llama.cpp/gguf-py' && rm "$$sources"; fi; done
	touch $@

$(CLIENTS)/node/.installed: tests/clients/package.json tests/clients/package-lock.json
	@command -v npm >/dev/null || echo "npm is not here: the tests of the JavaScript client will be skipped"
	mkdir -p $(@D)
	cp $^ $(@D)
	if command -v npm >/dev/null; then \
		npm ci --prefix $(@D) --ignore-scripts --no-audit --no-fund --loglevel error && touch $@; fi

$(CLIENTS)/axe/.installed: tests/clients/axe/package.json tests/clients/axe/package-lock.json
	@command -v npm >/dev/null || echo "npm is not here: the test of accessibility will be skipped"
	mkdir -p $(@D)
	cp $^ $(@D)
	if command -v npm >/dev/null; then \
		npm ci --prefix $(@D) --ignore-scripts --no-audit --no-fund --loglevel error && touch $@; fi

$(CLIENTS)/azure/.installed: tests/clients/azure/package.json tests/clients/azure/package-lock.json
	@command -v npm >/dev/null || echo "npm is not here: the tests of exports to Azure's storage will be skipped"
	mkdir -p $(@D)
	cp $^ $(@D)
	if command -v npm >/dev/null; then \
		npm ci --prefix $(@D) --ignore-scripts --no-audit --no-fund --loglevel error && touch $@; fi

$(CLIENTS)/openapi/.installed: tests/clients/openapi/package.json tests/clients/openapi/package-lock.json
	@command -v npm >/dev/null || echo "npm is not here: the tests of linters and generators will be skipped"
	mkdir -p $(@D)
	cp $^ $(@D)
	if command -v npm >/dev/null; then \
		npm ci --prefix $(@D) --ignore-scripts --no-audit --no-fund --loglevel error && touch $@; fi

$(CLIENTS)/openapi-python/.installed: tests/clients/openapi/python.txt | $(DEV)
	$(BIN)/python -m venv --clear $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --no-compile --no-deps --requirement $<
	touch $@

openapi: setup ## write openapi/openapi.json anew
	$(BIN)/python -m service openapi --force --output openapi/openapi.json

docs: setup ## write the generated pages and tables of docs/ anew
	$(BIN)/python -m tools.docs
	$(BIN)/python -m tools.annexes

vectors: setup ## complete tests/vectors; ARGS=--overwrite changes bits, only ever for a new stream version
	$(BIN)/python -m tools.vectors $(ARGS)
	$(BIN)/python -m tools.spec_vectors $(ARGS)
	$(BIN)/python -m tools.stage_vectors $(ARGS)

bench: setup ## measure, side by side; ARGS="rates growth --quick" for a part
	$(BIN)/python -m benchmarks $(ARGS)

soak: setup ## bear every fault at full length, about an hour; ARGS="crowd --scale 0.1" for a part
	$(BIN)/python -m tools.soak $(ARGS)

image-check: setup ## run the steps of the Dockerfile without an engine; as root on Linux
	$(BIN)/python -m tools.image $(ARGS)

$(TOOLS)/%:
	$(PYTHON) -m venv $(TOOLS)/$*
	$(TOOLS)/$*/bin/python -m pip install --quiet --disable-pip-version-check $*

audit: $(TOOLS)/pip-audit ## look for known vulnerabilities of the exact versions; asks pypi.org
	$(TOOLS)/pip-audit/bin/pip-audit --requirement constraints.txt --no-deps --disable-pip

# Unvalidated, since checking what the tool has just written against the schema takes a minute and writes nothing.
sbom: setup $(TOOLS)/cyclonedx-bom ## write build/sbom.json, the bill of materials (CycloneDX) of the environment
	$(TOOLS)/cyclonedx-bom/bin/cyclonedx-py environment --pyproject pyproject.toml --mc-type application \
		--no-validate --output-reproducible --output-format JSON --output-file build/sbom.json.new $(BIN)/python
	mv build/sbom.json.new build/sbom.json

lock: $(TOOLS)/uv ## choose the newest versions anew: constraints.txt and the hashes of the image's packages
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet --upgrade -e '.[dev]'
	$(BIN)/python -m tools.lock $(TOOLS)/uv/bin/uv $(TORCH_INDEXES)

clean: ## remove the virtual environment and every cache
	rm -rf $(VENV) build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache *.egg-info
