# make demo       see it work: the harness plays a sample session with the helper
# make test       run the tests; installs the Debian packages that they need, when it may
# make bench      measure beside other programs (docs/benchmarks.md); as root, since some of them want that
# make fuzz       try what must hold of any input with FUZZ (100) times as many inputs as the tests do
# make soak       SOAK (600) seconds of requests, checked one by one, while files change and processes die
# make lint       ruff, mypy (strict) and the floors of the architecture
# make test-pythons   the tests under every Python named in PYTHONS that is there

PYTHON ?= python3
PYTHONS ?= python3.11 python3.12 python3.13
FUZZ ?= 100
SOAK ?= 600
VENV ?= .venv
BIN = $(VENV)/bin
TEST_PACKAGES = apache2-utils curl dovecot-core fetchmail gcc gsasl isync ldap-utils libc6-dev libldap2-dev \
    libnet-ssleay-perl libnss-wrapper libpam-pwdfile libpam-wrapper libpam0g-dev libsasl2-dev libsasl2-modules mpop \
    msmtp openssl perl python3-dev slapd swaks whois
BENCH_PACKAGES = dovecot-ldap libnet-ldap-perl sasl2-bin squid

.PHONY: demo test test-deps test-pythons bench fuzz soak lint clean
.DELETE_ON_ERROR:

demo: $(VENV)/.program
	@chmod go-rwx examples/passwd  # a checkout makes it readable by everyone
	$(BIN)/extauth harness replay examples/session.txt -- $(BIN)/extauth serve -c examples/extauth.toml

test: test-deps $(VENV)/.tests
	$(BIN)/pytest -q -n 4 --dist loadfile

test-deps:
	@tests/need-packages $(TEST_PACKAGES)

test-pythons: test-deps
	@set -e; for python in $(PYTHONS); do \
	    if $$python -c '' 2>/dev/null; then \
	        echo "== $$($$python --version)"; \
	        $(MAKE) --no-print-directory test PYTHON=$$python VENV=.venv-$$(basename $$python); \
	    else \
	        echo "== $$python is not here"; \
	    fi; \
	done

bench: test-deps $(VENV)/.tests
	@tests/need-packages $(BENCH_PACKAGES)
	$(BIN)/python -m benchmarks $(BENCH)

fuzz: $(VENV)/.tests
	FUZZ=$(FUZZ) $(BIN)/pytest -q -n 2 -m hypothesis

soak: $(VENV)/.tests
	SOAK=$(SOAK) $(BIN)/pytest -q -s tests/soak/soak.py

lint: $(VENV)/.tests
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

clean:
	rm -rf .venv .venv-* build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(VENV)/.program: setup.cfg pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "$(PYTHON) is older than Python 3.11: name a newer one, as in: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || tests/need-packages python3-venv
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable .
	@$(BIN)/python -m compileall -q extauth  # now, since where PYTHONDONTWRITEBYTECODE is set each start would do it
	@touch $@

$(VENV)/.tests: $(VENV)/.program
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $@
