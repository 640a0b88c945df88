# make demo       a first look: the harness plays a sample session with the helper
# make demo-migration   users move from an old mail server (Dovecot) to a new one (the harness), without new passwords
# make test       run the tests; as root, install the Debian packages that they need
# make lint       ruff, mypy (strict), codespell, the import rules between packages, and plain English in the pages
# make test-pythons   run the tests under each installed Python of PYTHONS
# make test-newest    run the tests under the newest installed Python of PYTHONS, if it is newer than PYTHON
# make test-lowest    run the tests with the lowest version of every dependency that setup.cfg allows
# make fuzz       run the property tests with FUZZ (100) times as many inputs
# make timing     measure how much the time until a refusal reveals, with TIMING (1600) requests of each kind
# make soak       send requests for SOAK (600) seconds and check each reply, while files change and processes and services fail;
#                 then good requests beside bad ones and beside guesses, for SOAK / 10 seconds (at most 60) each
# make sbom       list what is installed with extauth, in CycloneDX's form, in build/sbom.json; INSTALLED=/opt/extauth
#                 lists that installation
# make bench      measure extauth beside other programs (docs/benchmarks.md); needs root
# make man        write the man pages into build/man
# make clean      remove everything that these commands make in the checkout

PYTHON ?= python3
PYTHONS ?= python3.11 python3.12 python3.13
FUZZ ?= 100
SOAK ?= 600
TIMING ?= 1600
VENV ?= .venv
INSTALLED ?= .venv-installed
SBOM ?= build/sbom.json
BIN = $(VENV)/bin
# takes long, and always uses python3
FRESH = tests/test_readme.py::test_readme_commands_run_in_a_fresh_checkout
MINOR = 'import sys; print(sys.version_info.minor)'
TEST_PACKAGES = acl apache2-utils bindfs curl cyrus-common dovecot-core dovecot-imapd dovecot-pop3d fetchmail gcc \
    gdb getmail6 gsasl imapfilter isync ldap-utils libc6-dev libmail-imapclient-perl libnet-ssleay-perl \
    libnss-wrapper libpam-pwdfile libpam-wrapper libpam0g-dev libsasl2-modules logrotate man-db mpop msmtp neomutt \
    node-nodemailer offlineimap3 openssl perl prometheus redis-server ruby s-nail sasl2-bin slapd swaks whois
BENCH_PACKAGES = dovecot-ldap libnet-ldap-perl squid

.PHONY: demo demo-migration bytecode test test-dovecot test-deps test-pythons test-newest test-lowest bench fuzz timing soak sbom man lint clean
.DELETE_ON_ERROR:

demo: $(VENV)/.program
	@chmod go-rwx examples/passwd  # git makes it readable by all users
	$(BIN)/extauth harness replay examples/session.txt -- $(BIN)/extauth serve -c examples/extauth.toml

demo-migration: test-dovecot $(VENV)/.listen
	@$(BIN)/python examples/migration/demo.py

bytecode: $(VENV)/.program
	@$(BIN)/python -m compileall -q extauth  # what has changed: extauth itself writes no bytecode

# each process of pytest would compile all tests at each run
test: export PYTHONDONTWRITEBYTECODE =
test: test-deps $(VENV)/.tests bytecode
	$(BIN)/pytest -q -n 4 --dist loadfile $(PYTEST)

test-dovecot:
	@tests/need-packages dovecot-imapd

test-deps:
	@tests/need-packages $(TEST_PACKAGES)
	@tests/unpack-packages build/cyrus cyrus-common cyrus-imapd cyrus-pop3d  # they conflict with those of Dovecot

test-pythons: test-deps
	@set -e; for name in $(PYTHONS); do \
	    if python=$$(tests/find-python $$name); then \
	        echo "== $$($$python --version)"; \
	        $(MAKE) --no-print-directory test PYTHON=$$python VENV=.venv-$$name; \
	    else \
	        echo "== $$name is not installed"; \
	    fi; \
	done

test-newest:
	@newest=$$(tests/find-python $(PYTHON) $(PYTHONS)); \
	if [ "$$($$newest -c $(MINOR))" -gt "$$($(PYTHON) -c $(MINOR))" ]; then \
	    echo "== $$($$newest --version), without $(FRESH)"; \
	    $(MAKE) --no-print-directory test PYTHON=$$newest VENV=.venv-$$(basename $$newest) \
	        PYTEST="--deselect=$(FRESH)"; \
	else \
	    echo "== no Python newer than $$($(PYTHON) --version | cut -d ' ' -f 2) is installed, so no other one is tested"; \
	fi

test-lowest:
	@mkdir -p build
	@tests/lowest-versions >build/lowest.txt
	PIP_CONSTRAINT=$(CURDIR)/build/lowest.txt $(MAKE) --no-print-directory test VENV=.venv-lowest

bench: test-deps $(VENV)/.tests bytecode
	@tests/need-packages $(BENCH_PACKAGES)
	$(BIN)/python -m benchmarks $(BENCH)

fuzz: $(VENV)/.tests
	FUZZ=$(FUZZ) $(BIN)/pytest -q -n 2 -m hypothesis

timing: test-deps $(VENV)/.tests bytecode
	$(BIN)/python -m tests.timing $(TIMING)

soak: test-deps $(VENV)/.tests bytecode
	SOAK=$(SOAK) $(BIN)/pytest -q -s tests/soak/soak.py tests/soak/bad_requests.py tests/soak/guesses.py

man: $(VENV)/.program
	$(BIN)/extauth man build/man

sbom: $(VENV)/.tests $(INSTALLED)
	@mkdir -p $(dir $(SBOM))
	$(BIN)/cyclonedx-py environment --no-validate --output-reproducible --output-file $(SBOM) $(INSTALLED)/bin/python

lint: $(VENV)/.tests
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell
	$(BIN)/python -m tests.prose

clean:
	rm -rf .venv .venv-* build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(VENV)/.program: setup.cfg pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "$(PYTHON) is older than Python 3.11; use a newer one: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || tests/need-packages python3-venv
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable .
	@$(BIN)/python -m compileall -q extauth  # extauth itself writes no bytecode, so each start would compile again
	@touch $@

.venv-installed: setup.cfg
	rm -rf $@
	$(PYTHON) -m venv --without-pip $@
	$(BIN)/pip --python $@/bin/python install --quiet --disable-pip-version-check . || { rm -rf $@; exit 1; }

$(VENV)/.listen: $(VENV)/.program
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[listen]'
	@touch $@

$(VENV)/.tests: $(VENV)/.program
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $(VENV)/.listen $@
