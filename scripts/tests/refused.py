# SPDX-License-Identifier: GPL-2.0
"""Wrong values for each variable and option, and damaged files: what is called, and
the line that answers. Logs, and the line that says why. Part of bad-input; see there.
"""

import shlex

# (what it is, variables and command, a pattern for its one line on stderr)
VALUES = [line.split(" | ") for line in r"""
no name of a kernel | scripts/build | build: no kernel is named
an option that scripts/build has not | scripts/build --all | build: no option '--all'
an empty name of a kernel | scripts/build '' | build: '' is no kernel
a name with a blank | scripts/build 'a b' | build: 'a b' is no kernel
a patch that is not there | scripts/build one/9999 | build: .*has no "one/9999"
a compiler that is missing | CC=/missing/gcc scripts/build series | build: /missing/gcc is missing
a compiler that is none | echo '#!/bin/sh' >silent; chmod +x silent; CC=./silent scripts/build series | build: ./silent --version says nothing
no name of a patch | scripts/strict | strict: no patch is named
no CPU | scripts/boot --cpus 0 | boot: a guest with 0 CPUs
fewer than no CPUs | CPUS=-1 scripts/boot | boot: a guest with -1 CPUs
a number of CPUs that is none | CPUS=some scripts/boot | boot: 'some' is no value for a guest's cpus
no memory | MEM=0 scripts/boot | boot: a guest with 0 of memory
a memory size that is none | MEM=much scripts/boot | boot: 'much' is no memory size
too little memory | MEM=1K scripts/boot | boot: a guest with 1K of memory
memory beyond measure | MEM=9999999999999999T scripts/boot | boot: .* is larger than any host
a node without its memory | scripts/boot --nodes 2 | boot: '2' is no node
a node without CPUs alone | scripts/boot --nodes 0:1G | boot: a guest with 0 CPUs
nodes without memory | scripts/boot --nodes 1:0 | boot: a guest with 0M of memory
a timeout that is none | scripts/boot --timeout soon | boot: 'soon' is no value
no time at all | scripts/boot --timeout 0 | boot: '0' is no timeout
a time without end | scripts/boot --timeout inf | boot: 'inf' is no timeout
not a number of seconds | scripts/boot --timeout nan | boot: 'nan' is no timeout
a quote without its end for QEMU | scripts/boot --qemu '"' | boot: .*quote without its end
a shell without a terminal | scripts/boot --shell </dev/null | boot: a shell in the guest needs a terminal
a program with a blank in its name | scripts/boot --run '/tmp/a b' | boot: /tmp/a b: .*no blanks
an option that scripts/boot has not | scripts/boot --fast | boot: unrecognized arguments: --fast
a file that is no kernel image | scripts/boot ./Makefile | boot: Makefile is no kernel image
a folder for a kernel | scripts/boot ./scripts | boot: scripts is missing: give the path
a kernel that is not built there | KERNEL=series scripts/boot | boot: .*is missing: run scripts/build series
two kernels to boot | KERNEL='series stock' scripts/boot | boot: 'series stock' is no kernel
no jobs to torture with | JOBS=0 scripts/torture | torture: --jobs takes a number
too many jobs | JOBS=99999999999 scripts/torture | torture: --jobs takes a number
a digit that is none | scripts/torture --jobs ² | torture: --jobs takes a number
a seed that is no number | scripts/torture --seed x | torture: --seed takes a number
a kernel to torture that is none | KERNEL='a+b' scripts/torture | torture: 'a\+b' is no kernel
no kernel to torture | scripts/torture --kernel | torture: argument --kernel: expected
no rounds of the bench | scripts/bench --rounds 0 | bench: --rounds 0: give 1 or more
rounds that are no number | scripts/bench --rounds many | bench: argument --rounds: invalid
no memory for the bench | scripts/bench --memory 0 | bench: .*needs at least
a folder that is not there | scripts/bench --json /dev/null/x | bench: --json: there is no folder
a part of measure that is none | ONLY=everything scripts/measure | measure: there is no part 'everything' to measure: there are page-init, jobs, clients
no boots to measure | scripts/measure --boots 0 | measure: --boots 0: give 1 or more
a guest of no size | scripts/measure --guests much | measure: 'much' is no memory size
a guest without memory | scripts/measure --guests 0 | measure: a guest with 0 of memory
the same guest twice | scripts/measure --guests 1G,1G | measure: --guests has the same size twice
a quote without its end in DMESG | DMESG="'a" scripts/measure | measure: DMESG='a: a quote
a dmesg that is missing | DMESG=missing.txt scripts/measure | measure: missing.txt: No such file
a folder without a dmesg | DMESG=scripts scripts/measure | measure: scripts/[a-z.]+: no line
a device for a dmesg | DMESG=/dev/zero scripts/measure | measure: /dev/zero: that is no text
a dmesg of a kernel without the option | echo 'Linux version 6.12' >none.txt; DMESG=none.txt scripts/measure | measure: none.txt: no line .*CONFIG_DEFERRED
an empty dmesg | DMESG=/dev/null scripts/measure | measure: /dev/null: no line 'node 0
a compressed dmesg | DMESG={base} scripts/measure | measure: \S+: that is no text
a part that is none | ONLY=everything scripts/test | test: no part 'everything'
minutes that are no number | MINUTES=soon scripts/test | test: MINUTES=soon: give the number of minutes
an option that scripts/test has not | scripts/test --quick | test: no option '--quick'
an empty name of a task | scripts/setup '' | setup: no task ""
a task that is none | scripts/setup all | setup: no task "all"
an argument for clean | scripts/clean all | clean: "all": takes no arguments
an argument for tree | scripts/tree all | tree: "all": takes no arguments
an argument for check | scripts/check all | check: "all": takes no arguments
an argument for mbox | scripts/mbox all | mbox: "all": takes no arguments
an argument for refresh | scripts/refresh all | refresh: usage
no folder to refresh to | scripts/refresh --to '' | refresh: usage
a device to refresh to | scripts/refresh --to /dev/null | refresh: the folder /dev/null cannot be made
version 0 of a thread | VERSION=0 scripts/mbox | mbox: VERSION=0: give a number
a version that is no number | VERSION=two scripts/mbox | mbox: VERSION=two: give a number
a tag that there is not | VERSION=2 SINCE=never scripts/mbox | mbox: SINCE=never: .*no such tag
a tag with a blank | VERSION=2 SINCE='-x y' scripts/mbox | mbox: SINCE=-x y: .*no such tag
a first version since another | SINCE=HEAD scripts/mbox | mbox: SINCE=HEAD with VERSION=1
neither yes nor no | RECIPIENTS=all scripts/mbox | mbox: RECIPIENTS=all: yes or no
a version beyond measure | VERSION=99999999999999999999 scripts/mbox | mbox: VERSION=9+: give a number
a sender without an address | SIGNOFF=Someone scripts/mbox | mbox: SIGNOFF=Someone: write it as
a sender in two lines | SIGNOFF={lines} scripts/mbox | b <a@b>: write it as
a device to write threads to | TO=/dev/null scripts/mbox | mbox: the folder /dev/null cannot be made
nothing asked of commit-of | scripts/commit-of | commit-of: usage
a topic that is none | scripts/commit-of three | commit-of: build/linux has no "three"
an empty name of a commit | scripts/commit-of '' | commit-of: build/linux has no ""
a tarball that is missing | BASE_TARBALL=/missing scripts/tree | tree: BASE_TARBALL=/missing: no such file
a folder for a tarball | BASE_TARBALL=scripts scripts/tree | tree: BASE_TARBALL=scripts: no such file
another tarball than the tree's | BASE_TARBALL=Makefile scripts/tree | tree: build/linux is made from another base
""".strip().splitlines()]

# (what it is, how it comes about, command, pattern)
FILES = [line.split(" | ") for line in r"""
a truncated tarball | rm -rf build; head -c 200 {base} >short.tar.xz | BASE_TARBALL=short.tar.xz scripts/tree | tree: cannot import short.tar.xz: .*damaged
junk for a tarball | rm -rf build; echo junk >junk.tar.xz | BASE_TARBALL=junk.tar.xz scripts/tree | tree: cannot import junk.tar.xz: .*damaged
a tarball without a kernel | rm -rf build; tar -cJf other.tar.xz scripts | BASE_TARBALL=other.tar.xz scripts/tree | tree: other.tar.xz holds no kernel source
a record of the base that is junk | head -c 300 /dev/urandom >build/base/base.env | scripts/tree | tree: build/base/base.env is damaged
an empty record of the base | : >build/base/base.env | scripts/refresh | refresh: build/base/base.env is damaged
a patch that is missing | rm patches/one/0001-*; sed -i /0002-/d series | scripts/tree | tree: patches/one/0001-\S+ is in series and missing
a folder in place of a patch | rm patches/one/0001-*; mkdir patches/one/$(sed -n s,one/0001,0001,p series) | scripts/tree | tree: patches/one/0001-\S+ is no file
an empty patch | : >patches/two/$(sed -n s,two/0001,0001,p series) | scripts/tree | tree: .*
a cover letter that is missing | rm patches/two/0000-* | scripts/tree | tree: patches/two/0000-cover-letter.patch is missing
a folder in place of series | rm series; mkdir series | scripts/tree | tree: series is no file
no kernel tree | rm -rf build/linux | scripts/refresh | refresh: build/linux is not there yet
a folder in place of the kernel tree | rm -rf build/linux/.git | scripts/tree | tree: build/linux is no kernel tree
uncommitted changes | echo >>build/linux/kernel/toy.c | scripts/refresh | refresh: build/linux has uncommitted changes
commits that are in no patch | {git} commit -q --allow-empty -m more | scripts/mbox | mbox: build/linux has commits
a configuration that is missing | rm kernel/configs/padata_mt.config | scripts/build series | build: \S*padata_mt.config: No such file
""".strip().splitlines()]

# (the line that says why, the log)
LOGS = [
	("kernel/a.c:12:3: error: 'x' undeclared (first use in this function)",
	 """make: Entering directory '/tmp/src'
make[1]: Entering directory '/tmp/kernel/series'
  CC      kernel/a.o
  CC      kernel/b.o
../../src/kernel/b.c: In function 'f':
../../src/kernel/b.c:5:1: warning: error: is no label here [-Wunused-label]
    5 | error:
kernel/a.c: In function 'g':
kernel/a.c:12:3: error: 'x' undeclared (first use in this function)
   12 |   x = 1;
make[3]: *** [scripts/Makefile.build:229: kernel/a.o] Error 1
make[3]: *** Waiting for unfinished jobs....
make: *** [Makefile:224: __sub-make] Error 2
make: Leaving directory '/tmp/src'"""),
	("ld: kernel/a.o: in function `g': a.c:(.text+0x1): undefined reference to `h'",
	 """  LD      vmlinux
ld: kernel/a.o: in function `g': a.c:(.text+0x1): undefined reference to `h'
make[2]: *** [scripts/Makefile.vmlinux:34: vmlinux] Error 1"""),
	("make[2]: *** No rule to make target 'x', needed by 'y'.  Stop.",
	 """make: Entering directory '/tmp/src'
which: no pahole in (/usr/bin): not found
make[2]: *** No rule to make target 'x', needed by 'y'.  Stop.
make: *** [Makefile:224: __sub-make] Error 2"""),
	("kernel/Kconfig.a:7: syntax error",
	 """make: Entering directory '/tmp/src'
  GEN     Makefile
kernel/Kconfig.a:7: syntax error
kernel/Kconfig.a:6: unknown statement "confg"
make[2]: *** [scripts/kconfig/Makefile:95: olddefconfig] Error 1"""),
	("The merge file '/tmp/a' does not exist.  Exit.",
	 """Using .config as base
Merging /tmp/a
The merge file '/tmp/a' does not exist.  Exit."""),
	("gcc: fatal error: Killed signal terminated program cc1",
	 """  CC      mm/a.o
gcc: fatal error: Killed signal terminated program cc1
compilation terminated.
make[3]: *** [scripts/Makefile.build:229: mm/a.o] Error 1"""),
	("a test that we wrote says why",
	 """make: Entering directory '/tmp/src'
  GEN     something
a test that we wrote says why
make[1]: *** [Makefile:1: something] Error 1
make: Leaving directory '/tmp/src'"""),
	("make: *** [Makefile:1: something] Error 1",
	 """make: Entering directory '/tmp/src'
make: *** [Makefile:1: something] Error 1"""),
	("xz: (stdin): File format not recognized",
	 """xz: (stdin): File format not recognized
tar: Child returned status 1
tar: Error is not recoverable: exiting now"""),
	("error: patch failed: mm/a.c:1",
	 """Applying: mm: change it
hint: Use 'git am --show-current-patch=diff' to see the failed patch
error: patch failed: mm/a.c:1
error: mm/a.c: patch does not apply"""),
	("fatal: not a git repository: '/tmp/x'",
	 """warning: something else
fatal: not a git repository: '/tmp/x'
hint: try again"""),
	("E: Failed to fetch http://a/b.deb  404  Not Found",
	 """Get:1 http://a b
Err:2 http://a c
  404  Not Found
E: Failed to fetch http://a/b.deb  404  Not Found
E: Unable to fetch some archives, maybe run apt-get update or try with --fix-missing?"""),
	("dpkg: error processing package flex (--configure):",
	 """Setting up flex (2.6.4) ...
dpkg: error processing package flex (--configure):
 installed flex package post-installation script subprocess returned error exit status 1
E: Sub-process /usr/bin/dpkg returned an error code (1)"""),
	("it said nothing", ""),
]


def fill(text, names):
	"""Not format(): shell commands have braces."""
	for name, value in names.items():
		text = text.replace("{" + name + "}", shlex.quote(value) if name != "git"
				    else value)
	return text
