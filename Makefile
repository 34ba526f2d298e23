# Two commands from nothing but Python ≥ 3.11 and make:
#   make demo    the whole story on the built-in generator; leaves demo-out/
#   make test    every test
# TORCH=cpu installs PyTorch without its CUDA libraries (smaller; needs PyTorch's own package index).

PYTHON ?= python3
VENV   ?= .venv
OUT    ?= demo-out
TORCH  ?=
BIN    := $(VENV)/bin
INSTALL := $(BIN)/uv pip install --quiet --python $(BIN)/python -c constraints.txt --override overrides.txt \
           $(if $(TORCH),--torch-backend $(TORCH))

.PHONY: demo test check format clean
.DELETE_ON_ERROR:

demo: $(VENV)/.ready
	$(BIN)/lineproof demo --out $(OUT)

test: $(VENV)/.ready
	$(BIN)/python -m pytest

# what CI runs before the tests
check: $(VENV)/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy --config-file tests/benchmarks/mypy.ini tests/benchmarks/*.py
	$(BIN)/lint-imports

format: $(VENV)/.ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(VENV)/.ready: pyproject.toml constraints.txt overrides.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "lineproof needs Python 3.11 or newer, this is " + sys.version.split()[0] + ": make PYTHON=python3.11 …")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt uv
	$(INSTALL) --editable '.[cpu,openvino,scale,train,proof,modbus,opcua,mqtt,gpio,genicam,basler,postgres,dev]'
	touch $@

clean:
	rm -rf $(VENV) $(OUT) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
