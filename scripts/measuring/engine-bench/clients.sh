# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash disable=SC2046
# For scripts in a guest that measure clients of multithreaded jobs. Source it.

# It writes to /dev/kmsg itself, so that nothing else runs before the line is stamped
say()
{
	echo "client: $*" >/dev/kmsg
}

# The namespace that memmap= makes is bound at boot
pmem()
{
	cd /sys/bus/nd/drivers/nd_pmem &&
		echo namespace0.0 >unbind &&
		say begin pmem &&
		echo namespace0.0 >bind &&
		say end pmem
}

# The blocks that follow the state
set_state()
{
	state=$1
	shift
	for block; do
		echo "$state" >"memory$block/state" || return 1
	done
}

plugged()
{
	cd /sys/devices/system/memory || return 1
	set -- $(grep -l '^offline' memory*/state | tr -dc '0-9\n' | sort -n)
	if [ $# -eq 0 ]; then
		echo "no memory is offline"
		return 1
	fi
	say begin plugged &&
		set_state online_movable "$@" &&
		say end plugged &&
		set_state offline "$@"
}

# has FILE NUMBER
has()
{
	[ "$(cat "$1")" -eq "$2" ] && return
	echo "$1 has $(cat "$1"), not $2"
	return 1
}

# resize CLIENT FILE PAGES: from none to so many, and back
resize()
{
	say begin "$1-grow" &&
		echo "$3" >"$2" &&
		say end "$1-grow" &&
		has "$2" "$3" &&
		say begin "$1-shrink" &&
		echo 0 >"$2" &&
		say end "$1-shrink" &&
		has "$2" 0
}

# The rest are told how many GiB

pool()
{
	resize pool /proc/sys/vm/nr_hugepages $(($1 * 512))
}

gigantic()
{
	resize gigantic /sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages "$1"
}

fault()
{
	/extra/hugetlb gigantic-fault "$1"
}

fallocate()
{
	/extra/hugetlb fallocate "$1"
}

# again TIMES WORK GIB
again()
{
	i=0
	while [ $i -lt "$1" ]; do
		"$2" "$3" || exit 1
		i=$((i + 1))
	done
}
