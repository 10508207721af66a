# The commands of daily work. `make run` and `make test` need Rust, Node 20.19 and a C compiler; what else they need
# they fetch from the package registries, and `make test` libpq and PostgreSQL from Debian.

NPM_CI = npm ci --no-audit --no-fund --loglevel=error

# The programs that tests start. Always the whole workspace, as `cargo test --workspace` builds it: for
# one package alone some dependencies have fewer features, so Cargo would build the server twice.
# With PostgreSQL, which `make run` and a plain `cargo build` do without: it needs libpq.
POSTGRES = --features vestibule/postgres
BUILD = tests/postgres/install.sh && cargo build --workspace --bins --examples --locked $(POSTGRES)

.PHONY: run test page check doc rust postgres client flows clients browser pictures package service old released stripped deb deb-test container container-test advisories rolling crowd power-loss crash-postgres fuzz schemathesis model bench-programs bench bench-compare bench-store bench-large amplification soak help

help: ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

# The demo page's lobby is a channel by configuration. Your own file of settings takes its place.
run: export VESTIBULE_CONFIG ?= server/web/demo/lobby.toml
run: page ## build and start the server on 127.0.0.1:4000, with its data in ./data
	cargo run --profile quick --package vestibule --bin vestibule

test: page check doc rust client flows clients browser package service old ## everything that must hold before a change lands
	@echo "make test: formatting, lints, documentation, Rust tests, client tests, the four flows, other people's clients, Chromium, the package, the service, and old clients and old data passed"

# A page is built anew when a source of it, or of the client in it, is newer.
PAGES = demo dashboard
BUILT = $(PAGES:%=server/web/dist/%/index.html)
PAGE_SOURCES = $(shell find server/web/client server/web/demo server/web/dashboard server/web/*.* \
	\( -name node_modules -o -name test -o -name types \) -prune -o -type f -print)

page: $(BUILT) ## the demo page and the dashboard, which are built into the server

$(BUILT): server/web/dist/%/index.html: $(PAGE_SOURCES)
	cd server/web/client && $(NPM_CI)
	cd server/web/$* && $(NPM_CI) && npm run build

check: ## formatting, lints, and the dependencies: their licences, no unexplained second version, none unused
	cargo fmt --all --check
	tests/dependencies/install.sh
	target/tools/bin/cargo-deny --locked check --hide-inclusion-graph --deny unmatched-skip --deny unnecessary-skip \
		licenses bans sources
	target/tools/bin/cargo-shear --locked --deny-warnings
	tests/postgres/install.sh
	cargo clippy --workspace --all-targets --locked $(POSTGRES) -- --deny warnings
	cargo clippy --package vestibule --all-targets --locked -- --deny warnings

doc: ## the API documentation, without a warning
	tests/postgres/install.sh
	RUSTDOCFLAGS="--deny warnings" cargo doc --workspace --no-deps --locked $(POSTGRES)

rust: page postgres ## unit, golden, integration and crash tests; those of the store on SQLite and on PostgreSQL
	$(BUILD)
	cargo test --workspace --locked $(POSTGRES)
	tests/postgres/store.sh

postgres: ## PostgreSQL's programs from Debian, if they are missing: tests start servers of their own with them
	tests/postgres/install.sh

client: ## the JavaScript client's types and its own tests, and the pages'
	cd server/web/client && $(NPM_CI) && npm run types && npm test
	cd server/web/demo && $(NPM_CI) && npm test
	cd server/web/dashboard && $(NPM_CI) && npm test

flows: page ## the four flows with unmodified phoenix.js against the real server
	$(BUILD)
	cd server/web/client && $(NPM_CI)
	cd tests/flows && $(NPM_CI) && npm test

clients: page ## Phoenix clients from npm, PyPI and crates.io, unmodified
	$(BUILD)
	tests/clients/run.sh

browser: page ## the demo page in Chromium, and the client in it over WebSocket and long poll
	$(BUILD)
	tests/browser/install.sh
	cd server/web/client && $(NPM_CI)
	cd tests/browser && $(NPM_CI) && npm test

pictures: page ## the documents' pictures of the demo page, made anew with Chromium
	$(BUILD)
	tests/browser/install.sh
	cd tests/browser && $(NPM_CI) && node pictures.mjs

package: ## the client's tarball in an empty project: the README's lines in Node and Chromium, its types
	$(BUILD)
	tests/browser/install.sh
	cd server/web/client && $(NPM_CI)
	cd tests/browser && $(NPM_CI)
	cd tests/package && $(NPM_CI) && npm test

service: ## the server as operators run it: systemd's units, the Debian package, TLS, nginx and Caddy in front
	$(BUILD)
	tests/service/install.sh
	cd server/web/client && $(NPM_CI)
	cd tests/flows && $(NPM_CI)
	cd tests/service && npm test

old: ## released clients and their data folder with this server: what people have installed goes on working
	$(BUILD)
	tests/released/install.sh
	cd server/web/client && $(NPM_CI)
	cd tests/flows && $(NPM_CI)
	cd tests/released && $(NPM_CI) && npm test

released: ## this client with the released server, built from its commit (or RELEASED_BIN=its path); takes minutes
	cd server/web/client && $(NPM_CI)
	cd tests/flows && $(NPM_CI)
	cd tests/released && $(NPM_CI) && npm run test:old-server

stripped: page ## the release program without debug information, with that in a file beside it, in target/stripped
	tests/postgres/install.sh
	cargo build --release --package vestibule --bin vestibule --locked --features postgres
	mkdir -p target/stripped
	objcopy --only-keep-debug --compress-debug-sections target/release/vestibule target/stripped/vestibule.debug
	cd target/stripped && objcopy --strip-all --add-gnu-debuglink=vestibule.debug ../release/vestibule vestibule

deb: page ## the Debian package, in target/debian/release, with PostgreSQL: it depends on libpq5
	tests/postgres/install.sh
	cargo build --release --package vestibule --locked --features postgres
	tests/service/install.sh
	mkdir -p target/debian/release
	cd server && debian/rules clean binary

advisories: ## known vulnerabilities of the dependencies, by the RustSec database; fetches that from GitHub
	tests/dependencies/install.sh
	target/tools/bin/cargo-deny --locked check advisories

deb-test: ## the Debian package in a fresh Debian 12 that is booted for it; needs root, takes two minutes
	tests/service/install.sh debootstrap debootstrap systemd-nspawn systemd-container
	tests/service/fresh_debian.sh target/debian/release/vestibule_*.deb

CONTAINER_TEST = tests/container/rootless.sh tests/container/test.sh

container-test: ## the container, built by Debian's Podman as an unprivileged user, and run; needs root, takes six minutes
	tests/container/install.sh
	cd server/web/client && $(NPM_CI)
	cd tests/flows && $(NPM_CI)
	$(CONTAINER_TEST)

container: ## the same with the debug binary instead of compiling; needs root, takes a minute or two
	$(BUILD)
	tests/container/install.sh
	cd server/web/client && $(NPM_CI)
	cd tests/flows && $(NPM_CI)
	$(CONTAINER_TEST) target/debug/vestibule

rolling: ## a restart under two thousand clients that ask and approve, with its figures; takes minutes to build
	cargo test --release --package vestibule-tests --test rolling_restart --locked -- --ignored --nocapture

crowd: ## thousands in one room, with the figures of what it costs when they come in; takes minutes
	cargo test --package vestibule-tests --test crowd --locked -- --ignored --nocapture --test-threads=1

crash-postgres: postgres ## 200 kills each of the server and of PostgreSQL, and a minute without PostgreSQL
	$(BUILD)
	cargo test --workspace --test postgres --locked $(POSTGRES) -- --ignored --nocapture

power-loss: ## the power fails 200 times while people ask and approve, on a disk that loses what was not synced; takes a minute
	$(BUILD)
	cargo test --workspace --test crash --locked -- --ignored --nocapture

amplification: ## what a byte from outside can cause, way by way: the tables of docs/threats.md; takes minutes to build
	cargo test --release --package vestibule-tests --test amplification --locked -- --ignored --nocapture

SOAK_SECONDS ?= 600
soak: ## honest clients beside all that hostile ones do, for ten minutes (SOAK_SECONDS=n for another time), with its figures
	VESTIBULE_SOAK_SECONDS=$(SOAK_SECONDS) cargo test --release --package vestibule-tests --test soak --locked -- \
		--ignored --nocapture

SECONDS_EACH ?= 600
fuzz: ## the fuzzers for ten minutes each (SECONDS_EACH=n for another time); needs cargo-fuzz and a C++ compiler
	for target in v1 v2 binary msgpack longpoll script; do \
		RUSTC_BOOTSTRAP=1 cargo fuzz run --fuzz-dir tests/fuzz --sanitizer none $$target -- \
			-max_total_time=$(SECONDS_EACH) -max_len=4096 || exit 1; \
	done

schemathesis: ## the operators' endpoints against their description, with made-up requests for five minutes (FOR=n seconds)
	$(BUILD)
	tests/schemathesis/run.sh

model: ## the rules in every order of steps, in larger worlds than `make rust` looks at, and all designs of streams; takes minutes
	cargo test --release --package vestibule-model --test holds --test streams -- --ignored --nocapture --test-threads=1

# The product's programs take long to build, and are not needed for a change of the framework.
COMPARED = playground $(if $(FRAMEWORK),,vestibule)
BENCH = target/release/load --playground playground=target/release/examples/playground --floor target/release/floor \
	$(if $(FRAMEWORK),,--vestibule vestibule=target/release/vestibule) $(if $(LONG),--long) $(if $(ROUNDS),--rounds $(ROUNDS))
# Figures of some scenarios alone are no report.
REPORT = $(if $(FRAMEWORK)$(ONLY),$(if $(ONLY),--only $(ONLY)),--document docs/performance.md)

# The playground is built as an application has it that only uses the framework: without the features
# that the product adds.
bench-programs:
	tests/bench/install.sh
	cargo build --release --package vestibule-channels --example playground --locked
	cargo build --release --package vestibule-bench --bins --locked
	$(if $(FRAMEWORK),,cargo build --release --package vestibule --bin vestibule --locked)

bench: bench-programs ## what a message, a connection and a user cost, beside a floor (LONG=1; ONLY=fan-out,echo; FRAMEWORK=1)
	$(BENCH) --json target/bench/report.json $(REPORT)

bench-compare: bench-programs ## the same beside another revision (REV=main), in one run
	folder=$$(tests/bench/build_revision.sh $(REV) $(COMPARED)) && \
	$(BENCH) --playground "playground $(REV)=$$folder/playground" \
		$(if $(FRAMEWORK),,--vestibule "vestibule $(REV)=$$folder/vestibule") \
		--json target/bench/comparison.json $(REPORT)

# A disk on which each sync takes 3.8 ms, as on a common one; the first benchmark makes the library.
SLOW_DISK = SLOW_SYNC_US=3800 LD_PRELOAD=$(CURDIR)/target/tmp/slow_sync.so
STORE_BENCH = cargo bench --package vestibule-store --features postgres
WITH_POSTGRES = cargo build --quiet --package vestibule-tests --bin with-postgres && $(1) target/debug/with-postgres

bench-store: postgres ## group commit on SQLite and on PostgreSQL, with 1 to 4,096 senders; and how long they wait while much expires
	$(STORE_BENCH) --bench group_commit
	$(call WITH_POSTGRES,$(SLOW_DISK)) $(STORE_BENCH) --bench group_commit
	$(STORE_BENCH) --bench sweep

bench-large: postgres ## reads from 2 million requests in 20,000 rooms, on SQLite and on PostgreSQL; takes ten minutes and 6 GB
	$(STORE_BENCH) --bench large
	$(call WITH_POSTGRES,) $(STORE_BENCH) --bench large
