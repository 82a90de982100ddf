# SPDX-License-Identifier: GPL-2.0
"""The queue: the files in patches/, the commits in the kernel tree, the mails between.

In the kernel tree, the commit tagged "base" is followed, for each topic, by an empty
commit with its cover letter, which has a trailer "Topic: <name>", and by one commit per
patch. Empty commits survive "git rebase -i", so the bounds of topics need no tags,
which would go stale.
"""
