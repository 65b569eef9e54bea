# Usher. `make demo` shows it, `make test` proves it, `make install DESTDIR=…` lays it out.

CONFIG  ?= release
PREFIX  ?= /usr
DESTDIR ?=
SWIFT   ?= swift
BUILD   ?= .build/$(CONFIG)
# The harness of `make test-vm` (virtual machines with systemd as PID 1).
VM_HARNESS ?= ../shared/vm
# Power cuts on each of its machines, and the seed of their moments (random and printed without one).
POWER_CUTS ?= 2
export VM_HARNESS CONFIG POWER_CUTS POWER_SEED

MULTIARCH := $(shell gcc -print-multiarch 2>/dev/null || dpkg-architecture -qDEB_HOST_MULTIARCH 2>/dev/null)
# Debian keeps modules below /usr/lib/<multiarch>; elsewhere /usr/lib64 or /usr/lib.
LIBDIR  ?= $(PREFIX)/lib$(if $(MULTIARCH),/$(MULTIARCH))
# Names that other programs hold fixed: the NSS module and sshd know the shell's path without configuration.
HELPERS := $(PREFIX)/lib/usher
SHARE   := $(PREFIX)/share/usher
DOC     := $(PREFIX)/share/doc/usher
MAN     := $(PREFIX)/share/man
UNITS   := $(PREFIX)/lib/systemd/system

.DEFAULT_GOAL := build
.PHONY: build install uninstall dependencies demo test faults test-vm bench check clean

dependencies:
	@Scripts/install-dependencies build test

build:
	$(SWIFT) build -c $(CONFIG)

# Puts files only where a package would: nothing in /etc changes, nothing is started. README.md says how to go on.
# The executables keep their symbols, so that a profile or a crash of the installed agent can be read.
install:
	@test -x $(BUILD)/usherd || { echo "make install: nothing built in $(BUILD); run make build" >&2; exit 1; }
	install -D -m 0755 $(BUILD)/usherd $(DESTDIR)$(PREFIX)/sbin/usherd
	install -D -m 0755 $(BUILD)/usher $(DESTDIR)$(PREFIX)/bin/usher
	install -D -m 0755 $(BUILD)/usher-audit $(DESTDIR)$(PREFIX)/sbin/usher-audit
	install -D -m 0755 $(BUILD)/usher-shell $(DESTDIR)$(HELPERS)/usher-shell
	install -D -m 0755 sshd/offered-key $(DESTDIR)$(HELPERS)/offered-key
	install -D -m 0644 $(BUILD)/libpam_usher.so $(DESTDIR)$(LIBDIR)/security/pam_usher.so
	install -D -m 0644 $(BUILD)/libnss_usher.so $(DESTDIR)$(LIBDIR)/libnss_usher.so.2
	strip --strip-unneeded $(DESTDIR)$(LIBDIR)/security/pam_usher.so $(DESTDIR)$(LIBDIR)/libnss_usher.so.2
	strip --strip-debug $(DESTDIR)$(PREFIX)/sbin/usherd $(DESTDIR)$(PREFIX)/bin/usher $(DESTDIR)$(HELPERS)/usher-shell \
	    $(DESTDIR)$(PREFIX)/sbin/usher-audit
	install -D -m 0644 -t $(DESTDIR)$(UNITS) systemd/usherd.service systemd/usher.slice systemd/usher-export.service
	install -D -m 0644 -t $(DESTDIR)$(UNITS)/session-.scope.d systemd/session-.scope.d/50-usher.conf
	install -D -m 0644 systemd/usher.sysusers.conf $(DESTDIR)$(PREFIX)/lib/sysusers.d/usher.conf
	install -D -m 0644 systemd/usher.tmpfiles.conf $(DESTDIR)$(PREFIX)/lib/tmpfiles.d/usher.conf
	install -D -m 0644 -t $(DESTDIR)$(SHARE)/pam.d pam.d/usher-sshd pam.d/usher
	install -D -m 0644 -t $(DESTDIR)$(SHARE)/sshd/9.2 sshd/9.2/50-usher.conf
	install -D -m 0644 -t $(DESTDIR)$(SHARE)/sshd/10 sshd/10/50-usher.conf
	install -D -m 0644 -t $(DESTDIR)$(SHARE)/audit/rules.d audit/rules.d/50-usher.rules
	install -D -m 0644 -t $(DESTDIR)$(SHARE)/audit/plugins.d audit/plugins.d/usher.conf
	install -D -m 0644 -t $(DESTDIR)$(SHARE)/interfaces Interfaces/*.varlink
	install -D -m 0644 -t $(DESTDIR)$(DOC) README.md CHANGELOG.md SECURITY.md LICENSE Docs/*.md
	install -D -m 0644 -t $(DESTDIR)$(DOC)/examples examples/*.toml
	install -D -m 0644 -t $(DESTDIR)$(SHARE)/detect.d examples/detect.d/*.toml
	@set -e; for page in Docs/man/*.[1-9]; do \
	  test -e "$$page" || continue; \
	  install -D -m 0644 -t $(DESTDIR)$(MAN)/man$${page##*.} "$$page"; \
	done

# Takes away what `install` laid out, and nothing else: state, configuration and the host's own files stay.
uninstall:
	rm -f $(DESTDIR)$(PREFIX)/sbin/usherd $(DESTDIR)$(PREFIX)/bin/usher $(DESTDIR)$(PREFIX)/sbin/usher-audit
	rm -f $(DESTDIR)$(LIBDIR)/security/pam_usher.so $(DESTDIR)$(LIBDIR)/libnss_usher.so.2
	rm -f $(DESTDIR)$(UNITS)/usherd.service $(DESTDIR)$(UNITS)/usher.slice $(DESTDIR)$(UNITS)/usher-export.service
	rm -f $(DESTDIR)$(UNITS)/session-.scope.d/50-usher.conf
	rm -f $(DESTDIR)$(PREFIX)/lib/sysusers.d/usher.conf $(DESTDIR)$(PREFIX)/lib/tmpfiles.d/usher.conf
	rm -f $(foreach page,$(wildcard Docs/man/*.[1-9]),$(DESTDIR)$(MAN)/man$(subst .,,$(suffix $(page)))/$(notdir $(page)))
	rm -rf $(DESTDIR)$(HELPERS) $(DESTDIR)$(SHARE) $(DESTDIR)$(DOC)

demo: dependencies
	@Scripts/build-quietly $(CONFIG)
	@Tests/Host/demo

# Everything that can be shown on this machine; ends with one line of totals and is non-zero when a part failed.
test: dependencies
	@Scripts/test-all

# The agent killed, or met with errors, at each of its system calls; then many sessions at once. Some 20 minutes.
faults: dependencies
	@Scripts/build-quietly release
	@Tests/Faults/run
	@Tests/Faults/load

# The same build on machines with systemd, logind and pam_systemd.
test-vm:
	@Scripts/install-dependencies build vm
	@Scripts/build-quietly release
	@Tests/VM/run

bench: dependencies
	@Scripts/install-dependencies bench
	@Scripts/build-quietly release
	@Benchmarks/run

check:
	@Scripts/check-imports
	@Scripts/check-format

clean:
	rm -rf .build
