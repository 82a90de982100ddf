/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _PADATA_TEST_LLIST_H
#define _PADATA_TEST_LLIST_H

/* As much of the kernel's lock-less list as the engine uses. */

#include <linux/atomic.h>
#include <linux/kernel.h>

struct llist_node {
	struct llist_node *next;
};

struct llist_head {
	struct llist_node *first;
};

static inline void init_llist_head(struct llist_head *list)
{
	list->first = NULL;
}

static inline void llist_add(struct llist_node *node, struct llist_head *head)
{
	struct llist_node *first;

	schedule_point();
	first = __atomic_load_n(&head->first, __ATOMIC_RELAXED);
#ifdef BREAK_FAILED
	node->next = first;
	schedule_point();
	__atomic_store_n(&head->first, node, __ATOMIC_RELEASE);
#else
	do {
		node->next = first;
	} while (!__atomic_compare_exchange_n(&head->first, &first, node, false,
					      __ATOMIC_RELEASE,
					      __ATOMIC_RELAXED));
#endif
}

#define llist_for_each_entry(pos, node, member)				\
	for ((pos) = llist_entry_or_null(node, typeof(*(pos)), member);	\
	     (pos);							\
	     (pos) = llist_entry_or_null((pos)->member.next,		\
					 typeof(*(pos)), member))

#define llist_entry_or_null(node, type, member)				\
	({ struct llist_node *_node = (node);				\
	   _node ? container_of(_node, type, member) : NULL; })

#endif /* _PADATA_TEST_LLIST_H */
