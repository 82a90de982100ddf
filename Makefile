# SPDX-License-Identifier: GPL-2.0
# Each target calls one script; variables on the command line reach it through
# the environment.

TARGETS = tree refresh check bases mbox build boot bench measure figures test torture deb lava clean

# "make boot SHELL=1" is about the guest's shell, not that of make
ifeq ($(origin SHELL),command line)
boot: export GUEST_SHELL := $(SHELL)
override SHELL := /bin/sh
endif

.PHONY: help $(TARGETS)
.NOTPARALLEL:

help:
	@echo 'make measure   boot stock, baseline and series, and compare them'
	@echo '                 DMESG="before.txt after.txt"  compare dmesg files instead'
	@echo '                 ONLY="jobs clients"  only these parts of page-init, jobs, clients'
	@echo 'make figures   keep the last results, write the table in README; says which'
	@echo '                 lines of other texts do not quote them yet'
	@echo 'make test      build and run the quick tests; ends with "N passed, N failed"'
	@echo '                 FULL=1  the long parts too: each patch, arm64, KCSAN, packages, guides'
	@echo '                 ONLY="queue matrix"  only these parts'
	@echo '                 MINUTES=50  skip what is long once these have passed'
	@echo '                 JUNIT=file.xml  the results, for CI (build/test/junit.xml)'
	@echo
	@echo 'make tree      make build/linux: the base, then one commit per patch'
	@echo '                 BASE_TARBALL=file  take this kernel source as the base'
	@echo '                 FORCE=1  drop commits that are not in patches/ (a branch keeps them)'
	@echo 'make refresh   write patches/, series and the plain-source view from build/linux'
	@echo 'make check     patches, series, view and tree agree; style of all files'
	@echo 'make bases     try the queue on each 6.12.y that apt offers: build/bases/report.txt'
	@echo 'make mbox      threads to mail, in build/mbox'
	@echo '                 SIGNOFF="Name <address>" VERSION=2 TO=directory'
	@echo '                 SINCE=v1  tell what changed since that tag of this repository'
	@echo '                 RECIPIENTS=no  do not look for those who should get them'
	@echo 'make build     build the kernels      KERNEL="stock baseline series-arm64"'
	@echo 'make boot      boot one in QEMU       KERNEL=series MEM=64G CPUS=2 APPEND="..."'
	@echo '                 SHELL=1  gives a shell in it'
	@echo 'make bench     time page init on real memory (part of make measure)'
	@echo 'make torture   many jobs at once, for long     JOBS=1000000 KERNEL="series-debug"'
	@echo 'make deb       packages for a real machine  CONFIG=/path/to/config WHAT=series'
	@echo '                 DEBUG_INFO=0  without; TOUCHED=files  compile only what is touched'
	@echo '                 JOBS=8 TO=directory'
	@echo 'make lava      a job for a lab of machines   SCENARIO=two-cpus DEVICE=qemu|x86'
	@echo '                 DEVICE_TYPE=the name that the lab has for the machine'
	@echo '                 KERNEL_URL=... INITRAMFS_URL=... MODULES_URL=...'
	@echo 'make clean     remove what was built; keeps build/linux and downloads'
	@echo
	@echo 'NO_INSTALL=1 with any of them: list missing Debian packages, install none.'

$(TARGETS):
	@scripts/$@
