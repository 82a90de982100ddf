/* SPDX-License-Identifier: GPL-2.0 */
/* Only this one: the kernel's other headers are no use out here. */
#include "../../../../include/linux/padata.h"
