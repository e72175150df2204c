# Every verb does its own set-up. `make demo` and `make test` are all a newcomer needs.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
# Tests wait for servers half of their time: three keep two cores busy.
JOBS   ?= 3
# What tests/unit and tests/real cover together has to stay at or above this many percent, branches included.
COVERAGE := 90

.DEFAULT_GOAL := help
.PHONY: $(shell sed -nE 's/^([a-z -]+):( .*)?$$/\1/p' $(firstword $(MAKEFILE_LIST)))

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

oracles: setup ## bring the real old OpenSSL libraries the resolver is compared with
	@$(BIN)/python tests/support/tls/oracles.py fetch || echo 'Tests that need these libraries are skipped.'
	@$(BIN)/python tests/support/tls/scan/old_node.py fetch || echo 'Tests that need node 0.10.1 are skipped.'

gnutls-slapd: setup servers ## build OpenLDAP's library with GnuTLS, as Debian 11 and 12 have it (as root, two minutes)
	@$(BIN)/python tests/support/tls/gnutls_slapd.py

demo: $(VENV)/.demo ## the whole story on this machine, no network, no root
	@$(BIN)/harden demo

clean: ## remove what the verbs made
	rm -rf $(VENV) .venv-newest .cache .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .coverage* build dist

# --- What a change has to pass -------------------------------------------------------------------------------------------

lint: setup words ## ruff, import contracts, ansible-lint, commit subjects, news fragments, grammar of the pages
	@.ci/check-subjects
	$(BIN)/towncrier build --draft --version next --date 2000-01-01 >/dev/null
	$(BIN)/codespell
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	ANSIBLE_CONFIG=playbooks/ansible.cfg $(BIN)/ansible-lint --offline -q playbooks

words: setup ## grammar of every page, by Harper, where npm is installed; dead words and long sentences fail `make test`
	@command -v npm >/dev/null || { echo "no npm: the grammar is not checked"; exit 0; } && \
	  npm install --prefix .cache/harper --no-audit --no-fund --silent harper.js@^2 && \
	  node docs/site/grammar.mjs .cache/harper/node_modules README.md CONTRIBUTING.md $$(find docs -name '*.md')

types: setup ## mypy strict on packages and tests
	$(BIN)/mypy

# Modules of tests are compiled once: collecting them takes three times as long otherwise.
export PYTHONDONTWRITEBYTECODE :=
# A tier is a folder of tests/. ONLY=tests/unit/cli runs a part of it; COVER=1 adds what it covers to .coverage.
PYTEST = $(BIN)/python -m pytest -n $(JOBS) --dist worksteal $(if $(COVER),--cov --cov-append --cov-report=,--no-cov)

test: setup ## tests/unit: minutes, with Python alone
	$(PYTEST) $(or $(ONLY),tests/unit)

test-real: setup servers oracles firewalld $(VENV)/.package $(VENV)/.docs ## tests/real: servers, kills, Ansible, other Pythons, networks of their own; as root
	$(PYTEST) --durations=25 $(or $(ONLY),tests/real tests/unit --other-pythons)

test-matrix: setup servers gnutls-slapd oracles booting pyodide file-systems firewalld ## tests/matrix: hours; its parts have verbs of their own
	$(PYTEST) -n0 --durations=25 $(or $(ONLY),tests/matrix)

# What `test-corpora` reads. The tables in tests/data/tls/corpora name the commits that they were written for.
REPOSITORIES := https://github.com/mozilla/ssl-config-generator https://github.com/chromium/badssl.com \
  https://gitlab.com/redhat-crypto/fedora-crypto-policies

test-corpora: setup ## tests/corpora: verdicts about fetched configurations of others; CORPORA=DIR, without it says how to get DIR
	@test -n "$(CORPORA)" || { echo "mkdir corpora && cd corpora && for one in $(REPOSITORIES); do git clone $$""one; done; then: make test-corpora CORPORA=\$$PWD"; exit 2; }
	CORPORA='$(abspath $(CORPORA))' $(PYTEST) -n0 $(or $(ONLY),tests/corpora)

coverage: setup ## say what `make test test-real COVER=1` covered; fail below the limit
	$(BIN)/coverage report --skip-covered --show-missing --fail-under=$(COVERAGE) | tail -n 60

newest-test: ## tests/unit on the newest Python that is installed here, in an environment of its own
	@python=$$(.ci/newest-python) && echo "newest-test: $$($$python --version)" && $(MAKE) --no-print-directory VENV=.venv-newest PYTHON=$$python COVER= test

user-test: setup ## tests/unit as an account that is not root: ONLY=tests/unit/cli
	$(BIN)/python -m tests.support.account $(PYTEST) -p no:cacheprovider $(or $(ONLY),tests/unit)

# --- Parts of tests/matrix, and what goes with them ----------------------------------------------------------------------

booting:
	@command -v mmdebstrap >/dev/null && command -v systemd-nspawn >/dev/null && command -v javac >/dev/null || \
	  apt-get install -y -qq --no-install-recommends mmdebstrap systemd-container openssh-client iproute2 default-jdk-headless curl

PART := hosts chaos faults walls power-cut mailer upgrade upgrade-hosts round-trip walk tamper credentials components tls java load scan package walkthrough roots
$(PART:%=%-test): setup servers
	$(PYTEST) $(ALONE) $(RUNS)

hosts-test chaos-test upgrade-hosts-test walkthrough-test: booting
hosts-test chaos-test upgrade-hosts-test walls-test power-cut-test round-trip-test tamper-test java-test load-test scan-test package-test walkthrough-test roots-test: ALONE = -n0
mailer-test: ALONE = -n0 -s

chaos-test: RUNS = tests/matrix/hosts/test_chaos.py ## 300 drawn interruptions on three hosts that boot (as root): agent, Ansible, sshd, network, disk, whole host; TRIALS=300
components-test: RUNS = tests/matrix/bundle/detect/components ## component recognition on real packages: minified JavaScript, hundreds of jars, false positives
credentials-test: RUNS = tests/matrix/bundle/detect/credentials ## planted credentials by the hundred: recall, precision, exact places
faults-test: RUNS = tests/matrix/host ## every step of the agent's transaction x every fault, on every Python: about half an hour
hosts-test: RUNS = tests/matrix/hosts/test_fleet.py tests/matrix/hosts/test_leaks.py tests/matrix/hosts/test_claims.py ## real hosts that boot (systemd-nspawn, as root): the playbooks over ssh, killed hosts, cut connections
java-test: RUNS = tests/matrix/tls/test_jsse.py tests/matrix/tls/targets/test_tomcat9.py ## a real Tomcat 9 in Java's TLS and OpenSSL, and every word of java.security on every JDK that is here
load-test: RUNS = tests/matrix/playbooks/test_load.py ## clients that ask over HTTPS while nginx, httpd and lighttpd change their TLS settings: none goes without its answer
mailer-test: RUNS = tests/matrix/mailer tests/matrix/playbooks/test_mailer.py ## the mailer for long: 3,900 kills, a day without mail, credentials under load, leaks, the doctor's accuracy, the role
package-test: RUNS = tests/matrix/package ## every package in an empty root without network (as root), and hosts changed by a wheel alone
power-cut-test: RUNS = tests/matrix/host/test_power_cut.py ## a host's disk as 300 power cuts would leave it (ext4, XFS; as root): recovered, old or new as a whole
round-trip-test: RUNS = tests/matrix/bundle/test_round_trip.py ## whole bundles cleaned and compared: Debian's packages, an installer of 300 MB
scan-test: RUNS = tests/matrix/tls/scan ## a hundred scans of one server, the whole hostile matrix, a hundred machines that stop, the slow truth
tamper-test: RUNS = tests/matrix/bundle/trust ## five hundred seeded tamperings of signed bundles: each refused and named
tls-test: RUNS = tests/matrix/tls/targets ## configurations of 50 MB for every target, and every server with all it has switched on
roots-test: RUNS = tests/matrix/host/test_other_products.py ## roots of other products, from Debian packages: nothing there is taken for this product; ROOTS=all for 22
upgrade-hosts-test: RUNS = tests/matrix/upgrade/test_hosts.py tests/matrix/upgrade/test_fleet.py tests/matrix/host/test_fleet.py ## upgrades of three hosts that boot and of a fleet of 200; as root
upgrade-test: RUNS = tests/matrix/upgrade --ignore tests/matrix/upgrade/test_hosts.py --ignore tests/matrix/upgrade/test_fleet.py --ignore tests/matrix/upgrade/test_walkthrough.py ## upgrades: every step x every fault, a real MariaDB; upgrade-hosts-test before it
upgrade-test: upgrade-hosts-test
walk-test: RUNS = tests/matrix/bundle/walk ## a thousand archives of other projects' tests: nothing ends the walk, nothing is passed over
walkthrough-test: RUNS = tests/matrix/upgrade/test_walkthrough.py ## the work on one host that boots, from audit to rollback (as root); WALKTHROUGH_WRITE=1 writes docs/walkthrough.md
walls-test: RUNS = tests/real/host/test_walls.py tests/matrix/host/test_walls.py ## firewalls of sixty shapes, real ones in networks of their own (as root): who reaches the new port is who reached the old

package-test: packaging-tools
packaging-tools: $(VENV)/.package
	@command -v mmdebstrap >/dev/null && command -v rpmbuild >/dev/null && command -v umoci >/dev/null && command -v buildah >/dev/null && command -v runc >/dev/null || \
	  apt-get install -y -qq --no-install-recommends mmdebstrap rpm umoci iproute2 podman buildah runc

$(VENV)/.package: $(VENV)/.dev
	$(BIN)/python -m pip install --quiet --group package
	@touch $@

mailer-test: pyodide
pyodide:
	@command -v npm >/dev/null && npm install --prefix .cache/pyodide --no-audit --no-fund --silent pyodide@314.0.7 || echo "no npm: Python 3.14 is left out"

power-cut-test: file-systems
file-systems:
	@command -v mkfs.xfs >/dev/null && command -v mkfs.ext4 >/dev/null || apt-get install -y -qq --no-install-recommends xfsprogs e2fsprogs

walls-test: firewalld
firewalld:
	@command -v firewall-cmd >/dev/null || { apt-get install -y -qq --no-install-recommends firewalld dbus && { systemctl disable --now firewalld 2>/dev/null || true; }; }

selinux-test: setup ## the engine's port on a kernel that enforces SELinux: a virtual machine in software emulation (as root)
	@command -v mmdebstrap >/dev/null && command -v qemu-system-x86_64 >/dev/null || apt-get install -y -qq --no-install-recommends mmdebstrap qemu-system-x86 seabios
	$(PYTEST) -n0 tests/matrix/hosts/test_selinux.py

matrix-test: setup booting ## every step of a transaction x nine faults on three hosts that boot (as root), about half an hour; STEPS=3 for a sample
	STEPS=$(STEPS) MATRIX_WRITE=$(if $(STEPS),,1) unshare --mount $(PYTEST) -n0 tests/matrix/hosts/test_matrix.py
	@$(if $(STEPS),:,$(BIN)/python -m tests.support.hosts.matrix_table)

lanes: setup servers ## the playbooks on the oldest and the newest ansible-core that the package takes, and from the wheel alone
	@$(BIN)/python -m tests.support.playbooks.lanes
	$(PYTEST) -n0 tests/matrix/package

# --- Measures, comparisons, what is generated ----------------------------------------------------------------------------

prove: setup servers gnutls-slapd ## every installed server x every policy x RSA and ECDSA: rendered = audited = scanned
	$(BIN)/python tests/prove/prove.py --jobs $(JOBS)

bench-scan: setup ## the scanner beside sslscan, nmap, sslyze and testssl.sh (those that are installed), and fleets
	@$(BIN)/python bench/scan_peers.py
	@$(BIN)/python bench/scan_fleet.py

count-liars: setup ## what servers that refuse for no reason hide from a scan: MODE=full KIND=chance SCANS=20000; WORK=2 for slow ones
	$(BIN)/python -m tests.support.tls.scan.count_liars $(or $(MODE),full) $(or $(KIND),chance) $(or $(SCANS),20000) 0 $(WORK)

fuzz-scan: setup ## the parsers of the scanner under atheris, from a seed corpus: SECONDS_EACH=60
	@$(BIN)/python -m pip install --quiet atheris || echo 'atheris does not install here: hypothesis has to do (make test).'
	@$(BIN)/python -m tests.support.tls.scan.atheris_main $(or $(SECONDS_EACH),60)

bench-openssl: setup ## the resolver against every real OpenSSL: builds, strings, mismatches
	@$(BIN)/python bench/openssl_exact.py

bench-render: setup ## speed of rendering and auditing, in process and as whole commands
	$(BIN)/python bench/render_audit.py

bench-trust: setup ## signing and verifying a bundle beside sha256sum over the same bytes
	@$(BIN)/python bench/trust_speed.py

bench-walk: setup servers ## an installer of 650 MB walked and audited, beside unblob and syft
	@$(BIN)/python bench/walk_speed.py --peers

bench-hosts: setup booting ## 30 files and 4 services on 1 and on 20 hosts that boot (as root), beside the same as template and service tasks
	@PYTHONPATH=. $(BIN)/python bench/hosts_speed.py

bench-credentials: setup ## credentials per CPU second in real packages, beside the peers
	@$(BIN)/python bench/credentials.py

prune: setup ## list the rows of credentials that no example proves
	$(BIN)/python bench/prune.py

score: setup ## fit the weights of "a generator drew this value"; read the figures before you commit them
	@$(BIN)/python bench/score.py

shape: setup ## sizes, branches, patterns, circles, exceptions: a report to read; LIST=--list names what is counted
	@$(BIN)/python bench/shape.py --collect $(LIST)

golden: setup ## rewrite the golden files from what the templates render now; read the diff
	$(BIN)/python -m pytest -q tests/unit --regolden -k golden

clients: setup ## resolve the named clients of data/clients.toml on their OpenSSL builds
	$(BIN)/python -m hardening.tls.clients_table

$(VENV)/.docs: $(VENV)/.dev
	$(BIN)/python -m pip install --quiet --group docs
	@touch $@

docs: $(VENV)/.docs ## build the documentation site into build/docs; links and anchors are checked
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

screenshots: setup servers ## make the pictures of README and the site; look at them
	$(BIN)/python docs/site/screenshots.py

tutorials: setup ## run the commands of the tutorials and write what they print into the pages; read the diff
	$(BIN)/python -m tests.support.docs.console docs/tutorials/*.md

# The Python that will run the packages: those with machine code are for it alone.
FOR     ?= /usr/bin/python3
packages: packaging-tools ## wheel, offline wheelhouse, one file, DEB, RPM, OCI, collection, execution environment into dist (as root); FOR=/usr/bin/python3
	$(BIN)/python packaging/packages.py wheel wheelhouse pyz deb rpm oci collection ee --python $(FOR)

wheelhouse: $(VENV)/.package ## every wheel for one Python with install.sh, to install without network; FOR=/usr/bin/python3
	$(BIN)/python packaging/packages.py wheelhouse --python $(FOR)

VERSION ?= 0.2.0
release: packaging-tools ## a release of HEAD in dist/VERSION: packages, SBOM, provenance, signatures, notes, tag (as root); VERSION=0.2.0 KEY=release.key; without KEY a rehearsal
	$(BIN)/python packaging/release.py $(VERSION) --python $(FOR) $(if $(PARTS),--parts $(PARTS)) $(if $(KEY),--key $(KEY))

GROUP   ?= walk
SECONDS ?= 600
fuzz: setup ## coverage-guided fuzzing of every parser: GROUP=walk SECONDS=600 KEEP=--keep
	$(BIN)/python -m pip install --quiet atheris
	$(BIN)/python -m tests.fuzz.fuzz $(GROUP) --seconds $(SECONDS) $(KEEP)
