/* SPDX-License-Identifier: GPL-2.0 */
/* Nothing is counted out here: what depends on CONFIG_DEBUG_FS is left out. */
