/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _ASM_GENERIC_STREAMING_H
#define _ASM_GENERIC_STREAMING_H

/*
 * Streaming stores, for data that is written once and not read again soon.  An
 * architecture that can write past its caches, without reading the lines first,
 * overrides these.
 */

/**
 * stream_store - write a word that will not be read again soon
 * @to: Where to.  Should be one of many words that are written in the order of
 *	their addresses, and fill whole cache lines.
 * @value: What to write.
 *
 * This CPU sees the word at once, as after any store.  Other CPUs may see such
 * words in any order until stream_drain().
 */
static inline void stream_store(unsigned long *to, unsigned long value)
{
	*to = value;
}

/**
 * stream_drain - order the streaming stores of this CPU
 *
 * All streaming stores before this are ordered before all stores after it.  So
 * what was written can be handed to others in the usual ways.
 */
static inline void stream_drain(void)
{
}

#endif /* _ASM_GENERIC_STREAMING_H */
