/* SPDX-License-Identifier: GPL-2.0 */
/* There is none out here: what depends on CONFIG_SYSCTL is left out. */
