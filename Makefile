# Every target is one verb of chatops/bootstrap.py, which needs nothing but Python 3.11+ and git.
# Without make: python3 -m chatops.bootstrap run
#
#   make run                     the demo; PORT=9000 make run picks the port
#   make test ARGS="-k rollback" what ARGS says goes to the program behind

PYTHON ?= python3
ARGS ?=

.PHONY: setup run test check fix bench bench-ssh bench-room soak mutants fuzz proof-list screenshots demo-check lock
setup run test check fix bench bench-ssh bench-room soak mutants fuzz proof-list screenshots demo-check lock:
	@command -v "$(PYTHON)" >/dev/null || { echo "Python 3.11 or newer is needed; $(PYTHON) is not on PATH." >&2; exit 2; }
	@"$(PYTHON)" -m chatops.bootstrap $@ $(ARGS)

.DEFAULT_GOAL := run
