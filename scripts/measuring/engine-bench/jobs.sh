# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# For scripts in a guest that run jobs of the kernel's padata_bench. Source it.

BENCH=/sys/kernel/debug/padata_bench/run
CGROUPS=/sys/fs/cgroup

# job NAME WORD...: run jobs in this shell and print each line of what came of
# them as "job: NAME LINE"
job()
{
	name=$1
	shift
	# An error is in the lines, too
	echo "$*" >$BENCH
	while read -r line; do
		echo "job: $name $line"
	done <$BENCH
}

# group PATH [FILE VALUE]: a cgroup that is there from now on, with a setting
group()
{
	[ -e $CGROUPS/cgroup.procs ] || mount -t cgroup2 none $CGROUPS
	path=$CGROUPS
	for part in $(echo "$1" | awk '{ gsub("/", " "); print }'); do
		echo "+cpu +cpuset" >"$path/cgroup.subtree_control"
		path=$path/$part
		[ -d "$path" ] || mkdir "$path"
	done
	[ $# -eq 1 ] || echo "$3" >"$path/$2"
}

# enter PATH: move this shell into a cgroup; "enter ." is the way out
enter()
{
	echo $$ >"$CGROUPS/$1/cgroup.procs"
}

# allow MASK: the CPUs that this shell may use
allow()
{
	taskset -p "$1" $$ >/dev/null
}
