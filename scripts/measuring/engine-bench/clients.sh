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

# again CLIENT TIMES
again()
{
	i=0
	while [ $i -lt "$2" ]; do
		"$1" || exit 1
		i=$((i + 1))
	done
}
