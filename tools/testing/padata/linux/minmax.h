/* SPDX-License-Identifier: GPL-2.0 */
/* The tools have min() and max() there. */
#include <linux/kernel.h>
