# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034
# What the scripts here share. Source it; do not run it.

set -euo pipefail

# What the caller has closed: the next file to be opened would take its place
[ -e /proc/self/fd/0 ] || exec </dev/null
[ -e /proc/self/fd/1 ] || exec >/dev/null
[ -e /proc/self/fd/2 ] || exec 2>/dev/null

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
# Where the link leads, if it is one: see build_elsewhere()
BUILD=$(readlink -m "$ROOT/build")

export LC_ALL=C.UTF-8
# Called from a git hook or from make, these would redirect git and the kernel's make
unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE GIT_OBJECT_DIRECTORY GIT_PREFIX \
	GIT_ALTERNATE_OBJECT_DIRECTORIES GIT_COMMON_DIR GIT_NAMESPACE
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES

# One line that says what is wrong and what to do about it. The status tells the
# callers, through subshells and other scripts, that the line is written.
DIED=3
die() {
	progress_clear
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit $DIED
}

# Nothing here is given by the order of words; see "make help"
no_arguments() {
	[ $# -eq 0 ] || die "\"$1\": takes no arguments, but variables: \"make help\" lists them"
}

# What to remove at the end, however that comes
scratch_files=()
remove_at_end() {
	scratch_files+=("$@")
}

signal_children() { # SIGNAL PROCESS
	local child children=()
	read -r -a children 2>/dev/null <"/proc/$2/task/$2/children" || true
	for child in "${children[@]}"; do
		signal_children "$1" "$child"
		kill -s "$1" "$child" 2>/dev/null || true
	done
	[ ${#children[@]} -gt 0 ]
}

# Whoever calls again at once is to find none of them. More than one signal: a bash
# that has just begun may lose it, or raise SIGINT for ever.
end_children() { # PROCESS
	local times
	for times in {1..40}; do
		signal_children TERM "$1" || return 0
		sleep 0.05
	done
	signal_children KILL "$1"
}

finish() { # STATUS
	# First: now and then bash takes the first command here for failed, when a signal
	# has ended a builtin command
	set +e
	local status=$1
	trap - EXIT ERR
	trap '' INT TERM HUP
	# In the background of a pipe, say
	end_children $$
	[ ${#scratch_files[@]} -eq 0 ] || rm -rf "${scratch_files[@]}"
	case $status in
	129 | 130 | 143)
		progress_clear
		printf '%s: interrupted; what is done is kept, call again to go on\n' \
			"${0##*/}" >&$the_stderr
		;;
	esac
	exit "$status"
}
# A signal may come while a function's output goes to a log
exec {the_stderr}>&2
trap 'finish $?' EXIT
# Bash may run a trap while it parses a $(...), and then wants the parenthesis at the
# end; elsewhere it has left before that line.
leave_on() { # SIGNAL STATUS
	# shellcheck disable=SC2064 # the status is known now
	trap "exit $2"$'\n)' "$1"
}
leave_on HUP 129
leave_on INT 130
leave_on TERM 143

# No script here ends without a word
set -E
SIGPIPE=141	# who read what this writes has seen enough
trap 'case $? in $DIED | $SIGPIPE | 129 | 130 | 143) ;; *) printf "%s: line %d failed: %s\n" "${BASH_SOURCE[0]##*/}" "$LINENO" "$BASH_COMMAND" >&2 ;; esac' ERR

# --- progress -----------------------------------------------------------------

# "progress TEXT" says what is going on: on a terminal in one line, rewritten
# each time; elsewhere only through progress_start and progress_end.
progress() {
	[ ! -t 2 ] || printf '\r\033[K%s%s' "$*" "$(left_of_all)" >&2
}

# How long all may take that a script has begun which calls this one: see expect() in
# common.py
left_of_all() {
	local until after
	read -r until after <<<"${PADATA_MT_LEFT:-}"
	[ -n "$until" ] || return 0
	until=$((until > EPOCHSECONDS ? until - EPOCHSECONDS : 0))
	after=$(((until + after + 30) / 60))
	printf '; all: about %d min left' $((after > 1 ? after : 1))
}

progress_clear() {
	[ ! -t 2 ] || printf '\r\033[K' >&2
}

say() {
	progress_clear
	printf '%s\n' "$*"
}

# with_progress TEXT LOG COMMAND...: runs the command, output to LOG, and shows
# TEXT with the seconds passed. Returns the command's status.
with_progress() {
	local text=$1 log=$2 start=$SECONDS ticker='' status=0
	shift 2
	mkdir -p "$(dirname "$log")"
	if [ -t 2 ]; then
		progress "$text"
		# The command stays in the foreground, so that Ctrl-C reaches it
		(
			trap 'exit 0' TERM
			# Until this script is killed, at most
			while kill -0 $$ 2>/dev/null && sleep 1; do
				progress "$text ($((SECONDS - start)) s)"
			done
		) &
		ticker=$!
	else
		printf '%s\n' "$text" >&2
	fi
	"$@" >"$log" 2>&1 || status=$?
	if [ -n "$ticker" ]; then
		kill "$ticker" 2>/dev/null || true
		wait "$ticker" 2>/dev/null || true
		progress_clear
	elif [ $status -eq 0 ]; then
		printf '%s: done in %d s\n' "$text" $((SECONDS - start)) >&2
	fi
	return $status
}

# --- guards -------------------------------------------------------------------

make_folder() { # DIRECTORY
	local said
	said=$(mkdir -p -- "$1" 2>&1) ||
		die "the folder $1 cannot be made: ${said##*: }"
	[ -w "$1" ] ||
		die "nothing can be written to $1, which belongs to $(stat -c %U "$1"): call as that user, or take a clone of your own"
}

# The kernel's make takes no path with blanks, quotes and the like. Where that of
# the checkout has some, build/ is a link to a place without.
PLAIN_PATH='^[[:alnum:]/._+@-]+$'
build_elsewhere() {
	local place
	[[ ! $ROOT =~ $PLAIN_PATH ]] && [ ! -e "$ROOT/build" ] || return 0
	if [ -L "$ROOT/build" ]; then
		make_folder "$BUILD"
		return
	fi
	[ -w "$ROOT" ] ||
		die "nothing can be written to $ROOT, which belongs to $(stat -c %U "$ROOT"): call as that user, or take a clone of your own"
	for place in "${XDG_CACHE_HOME:-}" "${HOME:+$HOME/.cache}" /var/tmp; do
		if [[ $place =~ $PLAIN_PATH ]] && mkdir -p "$place" 2>/dev/null &&
		   BUILD=$(mktemp -d "$place/padata-mt.XXXXXXXX" 2>/dev/null); then
			ln -s "$BUILD" "$ROOT/build"
			printf 'The kernel takes no path like %s: build/ is a link to %s\n' "$ROOT" "$BUILD" >&2
			return
		fi
	done
	die "the kernel's make takes no path like $ROOT: make build a link to a folder whose path has only letters, digits and ._+@-"
}
build_elsewhere

# The kernel tree with one commit per patch
LINUX=${PADATA_MT_TREE:-$BUILD/linux}
BASE_ENV=$BUILD/base/base.env

# One run at a time in one checkout. Scripts called by the holder pass.
take_lock() {
	local holder
	make_folder "$BUILD/log"
	[ "${PADATA_MT_LOCK:-}" != "$BUILD" ] || return 0
	[ ! -e "$BUILD/.lock" ] || [ -w "$BUILD/.lock" ] ||
		die "$BUILD/.lock belongs to $(stat -c %U "$BUILD/.lock"): call as that user, or take a clone of your own"
	exec 9>>"$BUILD/.lock"
	flock -n 9 || {
		holder=$(cat "$BUILD/.lock")
		[ -e "/proc/${holder##* }" ] || holder+=", which was killed, but not what it started"
		die "another run uses this checkout ($holder): wait for it or stop it, then call again"
	}
	printf '%s, process %d\n' "${0##*/}" $$ >"$BUILD/.lock"
	export PADATA_MT_LOCK=$BUILD
}

# What each script does first: the packages that its tasks need (see scripts/setup),
# and the lock. The counterpart of that in common.py.
prepare() { # TASK...
	local task known=" ${PADATA_MT_PACKAGES:-} "
	for task; do
		# Once is enough for what this one calls
		[[ $known = *" $task "* ]] || {
			"$ROOT/scripts/setup" "$@"
			break
		}
	done
	export PADATA_MT_PACKAGES="${PADATA_MT_PACKAGES:-} $*"
	take_lock
}

# The line of a log that says why something failed
reason() { # FILE
	python3 "$ROOT/scripts/reason.py" "$1" 2>/dev/null
}

# What the base in build/linux is
read_base() {
	local name
	if ! grep -qvE '^(#.*|BASE_[A-Z0-9]+=[^[:space:];&|<>()`$]*)$' "$BASE_ENV" 2>/dev/null; then
		# shellcheck source=/dev/null
		. "$BASE_ENV"
	fi
	for name in BASE_VERSION BASE_SHA256 BASE_TREE; do
		[ -n "${!name:-}" ] ||
			die "build/base/base.env is damaged: remove it, then \"make tree\" writes it anew"
	done
	BASE_PACKAGE=${BASE_PACKAGE:-}
}

# need_space MIB [DIRECTORY]
need_space() {
	local need=$1 dir=${2:-$BUILD} have
	make_folder "$dir"
	have=$(df -Pm "$dir" | awk 'NR == 2 { print $4 }')
	[ "$have" -ge "$need" ] ||
		die "$dir has $have MiB free and needs $need: free some (\"make clean\" removes built kernels and reports), then call again; what is done so far is kept"
}

# --- git ----------------------------------------------------------------------

# git without the user's configuration, with everything that shapes a patch set
# here, so that the same commits give the same bytes everywhere. The function
# names in hunk headers come from a pattern built into git, which versions of
# git change; hence one of our own. (safe.directory: in a container the checkout
# often belongs to another user.)
clean_git() {
	GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 GIT_TERMINAL_PROMPT=0 \
	git -c safe.directory='*' -c core.hooksPath=/dev/null -c commit.gpgSign=false -c gc.auto=0 \
		-c core.quotePath=true -c core.autocrlf=false -c core.pager=cat \
		-c log.mailmap=false -c log.showSignature=false \
		-c i18n.commitEncoding=UTF-8 -c i18n.logOutputEncoding=UTF-8 \
		-c diff.algorithm=myers -c diff.indentHeuristic=true \
		-c diff.renames=false -c diff.context=3 -c diff.interHunkContext=0 \
		-c diff.noprefix=false -c diff.mnemonicPrefix=false \
		-c diff.suppressBlankEmpty=false -c diff.orderFile=/dev/null \
		-c diff.cpp.xfuncname=$'!^[ \t]*[A-Za-z_][A-Za-z_0-9]*:[[:space:]]*($|/[/*])\n^([A-Za-z_].*)$' \
		"$@"
}

# git in the kernel tree
tree_git() {
	clean_git -C "$LINUX" "$@"
}

# The same patches on the same base make the same commits everywhere.
use_fixed_committer() {
	export GIT_COMMITTER_NAME=padata-mt GIT_COMMITTER_EMAIL=padata-mt@localhost
}

# The commit of the base has the same name everywhere, too: in a subshell, before
# "git commit"
use_base_identity() {
	use_fixed_committer
	export GIT_AUTHOR_NAME=$GIT_COMMITTER_NAME GIT_AUTHOR_EMAIL=$GIT_COMMITTER_EMAIL \
		GIT_AUTHOR_DATE='2024-11-17T00:00:00Z' GIT_COMMITTER_DATE='2024-11-17T00:00:00Z'
}

# That commit, which is the tag base unless build/linux came about in another way
base_commit() { # VERSION TREE
	(use_base_identity && tree_git commit-tree -m "Linux $1" "$2")
}

# --- the commits in the kernel tree -------------------------------------------
#
# base, then for each topic one empty commit with its cover letter (marked by a
# "Topic: <name>" trailer), then one commit per patch. The empty commits survive
# "git rebase -i", so topic boundaries need no tags that would go stale.

# "<topic>/<number> <commit> <subject>" for every commit since the base, in
# order; a cover letter is number 0000.
list_commits() {
	local topic='' number=0 commit name subject
	tree_git log --reverse --topo-order \
		--format='%H%x1f%(trailers:key=Topic,valueonly,unfold,separator=%x20)%x1f%s' \
		base..HEAD |
	while IFS=$'\x1f' read -r commit name subject; do
		if [ -n "$name" ]; then
			topic=$name
			number=0
		else
			number=$((number + 1))
		fi
		[ -n "$topic" ] ||
			die "commit $commit ($subject) in build/linux comes before the first cover letter: move it behind one with \"git rebase -i base\""
		printf '%s/%04d %s %s\n' "$topic" "$number" "$commit" "$subject"
	done
}

list_topics() {
	list_commits | sed -n 's,/0000 .*,,p'
}

# topic_cover TOPIC: the commit of its cover letter, which has the same tree as
# the last commit before the topic
topic_cover() {
	list_commits | awk -v key="$1/0000" '$1 == key { print $2 }'
}

# topic_last TOPIC: its last commit
topic_last() {
	list_commits | awk -v key="$1/" 'index($1, key) == 1 { last = $2 } END { if (last) print last }'
}

# commit_of stock|baseline|series|TOPIC|TOPIC/NNNN
commit_of() {
	local commit
	case $1 in
	stock) commit=$(tree_git rev-parse --verify -q 'base^{commit}') ;;
	series) commit=$(tree_git rev-parse --verify -q HEAD) ;;
	*/*) commit=$(list_commits | awk -v key="$1" '$1 == key { print $2 }') ;;
	*) commit=$(topic_last "$1") ;;
	esac
	[ -n "$commit" ] ||
		die "build/linux has no \"$1\": scripts/commit-of --list prints what it has"
	printf '%s\n' "$commit"
}

# --- the queue ----------------------------------------------------------------

# Paths of the patches, in series order, below patches/
series_patches() {
	[ ! -e "$ROOT/series" ] || sed -e '/^#/d' -e '/^$/d' "$ROOT/series"
}

series_stamp() { # tree | tarball-sha256
	[ ! -e "$ROOT/series" ] || sed -n "s/^# Base-$1: //p" "$ROOT/series"
}

# One checksum over all that "make refresh" writes and "make tree" reads
queue_hash() {
	[ -e "$ROOT/series" ] || { echo none; return; }
	(
		cd "$ROOT"
		find series patches -type f -print0 | sort -z | xargs -0 sha256sum
	) | sha256sum | cut -d' ' -f1
}

# Files that the patches touch
series_files() {
	local patches
	mapfile -t patches < <(series_patches)
	[ ${#patches[@]} -eq 0 ] ||
		(cd "$ROOT/patches" && sed -n 's,^diff --git a/.* b/,,p' "${patches[@]}" | sort -u)
}

# The plain-source view: what a file must be called, and which files the patches
# as they stand say it has
VIEW_PATTERN='(\.(c|h|rst|S)|(^|/)Makefile)$'
view_files() {
	local patches
	mapfile -t patches < <(series_patches)
	[ ${#patches[@]} -eq 0 ] ||
		(cd "$ROOT/patches" && awk '
			/^diff --git a\// { path = $4; sub(/^b\//, "", path) }
			/^new file mode / { added[path] = 1 }
			/^deleted file mode / { delete added[path] }
			END { for (path in added) print path }' "${patches[@]}") |
		grep -E "$VIEW_PATTERN" | sort || true
}

# The header lines that a mail lacks if something put other letters than ASCII
# into its body after git wrote the header
needs_charset() {
	if LC_ALL=C grep -q '[^ -~[:cntrl:]]' "$1" && ! sed '/^$/q' "$1" | grep -q '^Content-Type:'; then
		printf '%s\n' 'MIME-Version: 1.0' 'Content-Type: text/plain; charset=UTF-8' \
			'Content-Transfer-Encoding: 8bit'
	fi
}

# What build/linux was last made from, or written to: applied_queue is the
# checksum of the queue, applied_head the commit.
read_applied() {
	applied_queue='' applied_head=''
	[ ! -e "$LINUX/.git/padata-mt/applied" ] ||
		read -r applied_queue applied_head <"$LINUX/.git/padata-mt/applied"
}

write_applied() { # QUEUE HEAD
	mkdir -p "$LINUX/.git/padata-mt"
	printf '%s %s\n' "$1" "$2" >"$LINUX/.git/padata-mt/applied.new"
	mv "$LINUX/.git/padata-mt/applied.new" "$LINUX/.git/padata-mt/applied"
}

# sparse_clone DIR COMMIT: a throw-away clone of the kernel tree in which only
# the files that the patches touch are checked out. Takes a second.
sparse_clone() {
	local dir=$1 commit=$2
	rm -rf "$dir"
	clean_git clone -q --shared --no-checkout "$LINUX" "$dir"
	clean_git -C "$dir" config core.sparseCheckout true
	# git names the function of a hunk by what the attributes say of its file
	{ echo /.gitattributes; series_files | sed 's,^,/,'; } >"$dir/.git/info/sparse-checkout"
	clean_git -C "$dir" checkout -q --detach "$commit"
}

# write_mails DIR: the queue as files that "git am" turns into the commits
# described above: the cover letters lose what refresh generates and get their
# trailers back. DIR.list names the origin of each.
write_mails() {
	local dir=$1 patch topic='' note
	mkdir -p "$dir"
	: >"$dir.list"
	while read -r patch; do
		if [ "${patch%%/*}" != "$topic" ]; then
			topic=${patch%%/*}
			[ -e "$ROOT/patches/$topic/0000-cover-letter.patch" ] ||
				die "patches/$topic/0000-cover-letter.patch is missing: \"git checkout -- patches\" brings it back"
			note=$(series_note "$topic")
			echo "patches/$topic/0000-cover-letter.patch" >>"$dir.list"
			{
				# Up to a blank line, after which the trailers can follow
				sed '/^Base: /,$d' "$ROOT/patches/$topic/0000-cover-letter.patch"
				printf 'Topic: %s\n' "$topic"
				[ -z "$note" ] || printf 'Series-note: %s\n' "$note" | wrap 72 ' '
			} >"$dir/$(next_mail "$dir")"
		fi
		[ -e "$ROOT/patches/$patch" ] ||
			die "patches/$patch is in series and missing: \"git checkout -- patches series\" brings both back"
		[ -f "$ROOT/patches/$patch" ] || die "patches/$patch is no file: \"git checkout -- patches series\" brings it back"
		echo "patches/$patch" >>"$dir.list"
		cp "$ROOT/patches/$patch" "$dir/$(next_mail "$dir")"
	done < <(series_patches)
}

next_mail() {
	printf '%04d' "$(wc -l <"$1.list")"
}

# The comment above a topic in series, as one line without the topic's name
series_note() {
	awk -v start="# $1: " '
		index($0, start) == 1 { note = substr($0, length(start) + 1); on = 1; next }
		on && /^# / { note = note " " substr($0, 3); next }
		on { exit }
		END { print note }' "$ROOT/series"
}

# wrap WIDTH PREFIX: breaks lines at blanks; further lines begin with PREFIX
wrap() {
	fold -s -w "$1" | sed -e 's/ *$//' -e "2,\$s/^/$2/"
}

# am_mails REPOSITORY MAILS: "git am" of all of them
am_mails() {
	(
		use_fixed_committer
		clean_git -C "$1" -c am.threeWay=false am -q --empty=keep \
			--committer-date-is-author-date --no-gpg-sign \
			--whitespace=nowarn "$2"/*
	)
}
