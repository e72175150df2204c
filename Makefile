# Every verb does its own set-up. `make demo` and `make test` are all a newcomer needs.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
# Tests wait for servers half of their time: three keep two cores busy.
JOBS   ?= 3
# What the whole suite covers has to stay at or above this many percent, branches included.
COVERAGE := 90

.DEFAULT_GOAL := help
.PHONY: bench-scan help setup demo test lint types golden docs servers clean long bench oracles bench-openssl components-test credentials-test bench-credentials hosts-test faults-test upgrade-test tamper-test walk-test mailer-test

help: ## list the verbs
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sort | sed -E 's/^([a-z-]+):[^#]*## /\1\t/' | column -t -s '	'

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; found $$($(PYTHON) --version). Say which: make PYTHON=python3.12 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	@touch $@

$(VENV)/.demo: $(VENV)/.made pyproject.toml
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.demo pyproject.toml
	$(BIN)/python -m pip install --quiet --editable '.[ansible,cluster]' --group test --group lint
	@touch $@

setup: $(VENV)/.dev ## make the virtual environment with everything for tests and lint, and install the commit hook
	@! git rev-parse --git-dir >/dev/null 2>&1 || git config core.hooksPath .ci/hooks

servers: ## install the servers the tests talk to, where this user may; say what is missing otherwise
	@.ci/install-packages

demo: $(VENV)/.demo ## the whole story on this machine, no network, no root
	@$(BIN)/harden demo

oracles: setup ## bring the real old OpenSSL libraries the resolver is compared with
	@$(BIN)/python tests/support/tls/oracles.py fetch || echo 'Tests that need these libraries are skipped.'
	@$(BIN)/python tests/support/tls/scan/old_node.py fetch || echo 'Tests that need node 0.10.1 are skipped.'

bench-scan: setup ## the scanner beside sslscan, nmap, sslyze and testssl.sh (those that are installed), and fleets
	@$(BIN)/python bench/scan_peers.py
	@$(BIN)/python bench/scan_fleet.py

.PHONY: scan-long fuzz-scan
scan-long: setup servers oracles ## a hundred scans of one server, the whole hostile matrix, a hundred machines that stop, the slow truth
	$(BIN)/python -m pytest -n0 --no-cov -m long tests/tls/scan

.PHONY: count-liars
count-liars: setup ## what servers that refuse for no reason hide from a scan: MODE=full KIND=chance SCANS=20000
	$(BIN)/python -m tests.support.tls.scan.count_liars $(or $(MODE),full) $(or $(KIND),chance) $(or $(SCANS),20000)

fuzz-scan: setup ## the parsers of the scanner under atheris, from a seed corpus: SECONDS_EACH=60
	@$(BIN)/python -m pip install --quiet atheris || echo 'atheris does not install here: hypothesis has to do (make test).'
	@$(BIN)/python -m tests.support.tls.scan.atheris_main $(or $(SECONDS_EACH),60)

bench-openssl: setup ## the resolver against every real OpenSSL: builds, strings, mismatches
	@$(BIN)/python bench/openssl_exact.py

test: setup servers oracles ## every default test; COVER=1 measures what they cover, which takes longer
	@rm -f .coverage .coverage.*
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal -m 'not long' --durations=25 $(if $(COVER),--cov --cov-report=,--no-cov)
ifneq ($(COVER),)
	$(BIN)/coverage report --skip-covered --show-missing --fail-under=$(COVERAGE) | tail -n 60
endif

.PHONY: quick-test newest-test
# A sample of every part that needs no server: it fits in five minutes.
QUICK := $(wildcard tests/test_*.py) tests/cli tests/reports tests/engine $(wildcard tests/tls/test_*.py) tests/unit/bundle/test_audit.py tests/unit/bundle/test_clean.py tests/bundle/trust
quick-test: setup ## a sample of the default tests, at most five minutes
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal -m 'not long' --no-cov $(QUICK)

newest-test: ## the sample on the newest Python that is installed here, in an environment of its own
	@python=$$(.ci/newest-python) && echo "newest-test: $$($$python --version)" && $(MAKE) --no-print-directory VENV=.venv-newest PYTHON=$$python quick-test

.PHONY: user-test
# Not the servers' own tests: what they start gives up root's rights by itself, or needs them.
UNPRIVILEGED := tests/cli tests/demo tests/reports tests/engine tests/mailer tests/host tests/upgrade tests/bundle $(wildcard tests/test_*.py)
user-test: setup ## the default tests that any account can run, as one that is not root: ONLY=tests/cli
	$(BIN)/python -m tests.support.account $(BIN)/python -m pytest -n $(JOBS) --dist worksteal -p no:cacheprovider --no-cov -m 'not long' $(or $(ONLY),$(UNPRIVILEGED) --ignore tests/bundle/detect)

lint: setup ## ruff, import contracts, ansible-lint, commit subjects, news fragments
	@.ci/check-subjects
	$(BIN)/towncrier build --draft --version next --date 2000-01-01 >/dev/null
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	ANSIBLE_CONFIG=playbooks/ansible.cfg $(BIN)/ansible-lint --offline -q playbooks

types: setup ## mypy strict on packages and tests
	$(BIN)/mypy

.PHONY: shape
shape: setup ## sizes, branches, patterns, circles, exceptions: a report to read; LIST=--list names what is counted
	@$(BIN)/python bench/shape.py --collect $(LIST)

golden: setup ## rewrite the golden files from what the templates render now; read the diff
	$(BIN)/python -m pytest -q tests/tls tests/reports tests/bundle/sbom tests/host --regolden -k golden

.PHONY: clients tls-test
tls-test: setup ## configurations of 50 MB for every target, and every server with all it has switched on
	$(BIN)/python -m pytest -n $(JOBS) -m long tests/tls/targets

clients: setup ## resolve the named clients of data/clients.toml on their OpenSSL builds
	$(BIN)/python -m hardening.tls.clients_table

docs: setup ## write the pages of every rule, one a family, to build/docs/rules
	$(BIN)/python docs/rules.py build/docs/rules

components-test: setup servers ## component recognition on real packages: minified JavaScript, hundreds of jars, false positives
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal -m long tests/bundle/detect/components

hosts-test: setup ## real hosts that boot (systemd-nspawn, as root): the playbooks over ssh, killed hosts, cut connections
	@command -v mmdebstrap >/dev/null && command -v systemd-nspawn >/dev/null && command -v javac >/dev/null || apt-get install -y -qq --no-install-recommends mmdebstrap systemd-container openssh-client iproute2 default-jdk-headless curl
	$(BIN)/python -m pytest -n0 -m long tests/hosts --deselect tests/matrix/hosts/test_chaos.py --deselect tests/matrix/hosts/test_matrix.py --deselect tests/matrix/hosts/test_selinux.py

.PHONY: selinux-test
selinux-test: setup ## the engine's port on a kernel that enforces SELinux: a virtual machine in software emulation (as root)
	@command -v mmdebstrap >/dev/null && command -v qemu-system-x86_64 >/dev/null || apt-get install -y -qq --no-install-recommends mmdebstrap qemu-system-x86 seabios
	$(BIN)/python -m pytest -n0 -m long tests/matrix/hosts/test_selinux.py

.PHONY: chaos-test
chaos-test: setup ## 300 drawn interruptions on three hosts that boot (as root): agent, Ansible, sshd, network, disk, whole host; TRIALS=300
	@command -v mmdebstrap >/dev/null && command -v systemd-nspawn >/dev/null && command -v javac >/dev/null || apt-get install -y -qq --no-install-recommends mmdebstrap systemd-container openssh-client iproute2 default-jdk-headless curl
	TRIALS=$(or $(TRIALS),300) $(BIN)/python -m pytest -n0 -m long tests/matrix/hosts/test_chaos.py

.PHONY: matrix-test
matrix-test: setup ## every step of a transaction x nine faults on three hosts that boot (as root), about half an hour; STEPS=3 for a sample
	@command -v mmdebstrap >/dev/null && command -v systemd-nspawn >/dev/null && command -v javac >/dev/null || apt-get install -y -qq --no-install-recommends mmdebstrap systemd-container openssh-client iproute2 default-jdk-headless curl
	STEPS=$(STEPS) MATRIX_WRITE=$(if $(STEPS),,1) unshare --mount $(BIN)/python -m pytest -n0 --no-cov -m long tests/matrix/hosts/test_matrix.py
	@$(if $(STEPS),:,$(BIN)/python -m tests.support.hosts.matrix_table)

faults-test: setup ## every step of the agent's transaction x every fault, on every Python: about half an hour
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal -m long tests/host

.PHONY: walls-test
walls-test: setup servers ## firewalls of sixty shapes, real ones in networks of their own (as root): who reaches the new port is who reached the old
	@command -v firewall-cmd >/dev/null || { apt-get install -y -qq --no-install-recommends firewalld dbus && { systemctl disable --now firewalld 2>/dev/null || true; }; }
	$(BIN)/python -m pytest -n0 --no-cov tests/real/host/test_walls.py

.PHONY: lanes
lanes: setup servers ## the playbooks on the oldest and the newest ansible-core that the package takes, and from the wheel alone
	@$(BIN)/python -m tests.support.playbooks.lanes
	$(BIN)/python -m pytest -n0 --no-cov -m long tests/package

.PHONY: load-test
load-test: setup servers ## clients that ask over HTTPS while nginx, httpd and lighttpd change their TLS settings: none goes without its answer
	$(BIN)/python -m pytest -n0 -m long tests/real/playbooks/test_load.py

.PHONY: bench-hosts power-cut-test
power-cut-test: setup ## a host's disk as 300 power cuts would leave it (ext4, XFS; as root): recovered, old or new as a whole
	@command -v mkfs.xfs >/dev/null && command -v mkfs.ext4 >/dev/null || apt-get install -y -qq --no-install-recommends xfsprogs e2fsprogs
	$(BIN)/python -m pytest -n0 -m long tests/real/host/test_power_cut.py

bench-hosts: setup ## 30 files and 4 services on 1 and on 20 hosts that boot (as root), beside the same as template and service tasks
	@command -v mmdebstrap >/dev/null && command -v systemd-nspawn >/dev/null && command -v javac >/dev/null || apt-get install -y -qq --no-install-recommends mmdebstrap systemd-container openssh-client iproute2 default-jdk-headless curl
	@PYTHONPATH=. $(BIN)/python bench/hosts_speed.py

mailer-test: setup servers ## the mailer for long: 3,900 kills, a day without mail, credentials under load, leaks, the doctor's accuracy, the role
	@command -v npm >/dev/null && npm install --prefix .cache/pyodide --no-audit --no-fund --silent pyodide@314.0.7 || echo "no npm: Python 3.14 is left out"
	$(BIN)/python -m pytest -n0 -s -m long tests/mailer tests/real/playbooks/test_mailer.py

upgrade-test: setup servers ## upgrades: every step x every fault, a real MariaDB, three hosts that boot, a fleet of 200; as root
	@command -v mmdebstrap >/dev/null && command -v systemd-nspawn >/dev/null && command -v javac >/dev/null || apt-get install -y -qq --no-install-recommends mmdebstrap systemd-container openssh-client iproute2 default-jdk-headless curl
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal -m long tests/upgrade --ignore tests/matrix/upgrade/test_hosts.py --ignore tests/matrix/upgrade/test_fleet.py
	$(BIN)/python -m pytest -n0 -m long tests/matrix/upgrade/test_hosts.py tests/matrix/upgrade/test_fleet.py tests/real/host/test_fleet.py

.PHONY: round-trip
round-trip: setup servers ## whole bundles cleaned and compared: Debian's packages, an installer of 300 MB
	$(BIN)/python -m pytest -n0 -m long tests/matrix/bundle/test_round_trip.py

walk-test: setup servers ## a thousand archives of other projects' tests: nothing ends the walk, nothing is passed over
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal -m long tests/bundle/walk

tamper-test: setup ## five hundred seeded tamperings of signed bundles: each refused and named
	$(BIN)/python -m pytest -n0 -m long tests/unit/bundle/trust/test_tampering.py

.PHONY: bench-trust
bench-trust: setup ## signing and verifying a bundle beside sha256sum over the same bytes
	@$(BIN)/python bench/trust_speed.py

credentials-test: setup ## planted credentials by the hundred: recall, precision, exact places
	$(BIN)/python -m pytest -n $(JOBS) -m long tests/bundle/detect/credentials

bench-credentials: setup ## credentials per CPU second in real packages, beside the peers
	@$(BIN)/python bench/credentials.py

clean: ## remove what the verbs above made
	rm -rf $(VENV) .venv-newest .cache .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .coverage* build dist

java-test: setup servers ## a real Tomcat 9 in Java's TLS and OpenSSL, and every word of java.security on every JDK that is here
	$(BIN)/python -m pytest -n0 -m long tests/real/tls/test_jsse.py tests/matrix/tls/targets/test_tomcat9.py

.PHONY: prove bench-render java-test
prove: setup servers ## every installed server x every policy x RSA and ECDSA: rendered = audited = scanned
	$(BIN)/python tests/prove/prove.py --jobs $(JOBS)

bench-render: setup ## speed of rendering and auditing, in process and as whole commands
	$(BIN)/python bench/render_audit.py

.PHONY: fuzz
GROUP   ?= walk
SECONDS ?= 600
fuzz: setup ## coverage-guided fuzzing of every parser: GROUP=walk SECONDS=600 KEEP=--keep
	$(BIN)/python -m pip install --quiet atheris
	$(BIN)/python -m tests.fuzz.fuzz $(GROUP) --seconds $(SECONDS) $(KEEP)

.PHONY: bench-walk
bench-walk: setup servers ## an installer of 650 MB walked and audited, beside unblob and syft
	@$(BIN)/python bench/walk_speed.py --peers
