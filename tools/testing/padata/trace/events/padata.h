/* SPDX-License-Identifier: GPL-2.0 */
/* Nobody traces anything out here. */
#define trace_padata_mt_chunk(job, start, end, err)	((void)(err))
#define trace_padata_mt_error(job, err)			((void)(err))
#define trace_padata_mt_undo(job, start, end)		((void)(end))
