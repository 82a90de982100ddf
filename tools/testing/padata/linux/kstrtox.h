/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _PADATA_TEST_KSTRTOX_H
#define _PADATA_TEST_KSTRTOX_H

#include <errno.h>
#include <stdlib.h>

static inline int kstrtouint(const char *text, unsigned int base,
			     unsigned int *result)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, base);
	if (end == text || *end || *text == '-')
		return -EINVAL;
	if (errno || value > UINT_MAX)
		return -ERANGE;
	*result = value;
	return 0;
}

#endif /* _PADATA_TEST_KSTRTOX_H */
