"""What a task told and kept, without what differs from run to run: to compare runs of one action.

So a run in which a daemon died, or another one took over, is held against one that nobody
disturbed.
"""

import re
from collections import Counter

# Of tasks, of boot actions and of machines.
IDS = re.compile(r"m\d{4}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9A-HJKMNP-TV-Z]{26}")
# A site step made again finds what it made.
MADE = re.compile(r"created$|unchanged$|, \d+ of them new$")
# What only a task that was taken up again has to say.
NOTES = (
    "Interrupted after ",
    "Taken over from ",
    ": was taken over from ",
    ": found off, as the interrupted step had left it",
    ": found on, as the interrupted step had left it",
    ": found on, so the interrupted power-off never happened",
    ": found deployed by this very step",
    # The wipe that was under way came to its end between two looks.
    ": the provisioner does not know it, nothing to wipe",
)
# A driver says these between two writes of ours: of what happened while nobody was there, or
# was not recorded any more, one of NOTES is said instead.
PROGRESS = re.compile(
    r": (power is o(n|ff)|commissioning runs on|deploying jammy on|wiping|the next start of) ?"
)


def told(lab, task_id):
    """Every message of a tree, without what differs from run to run; notes left out."""
    tree = lab.tree(task_id)
    names_of = {t.task_id: f"{t.action}{list(t.scope)}#{t.retry}" for t in tree}

    def plain(text):
        return IDS.sub(lambda found: names_of.get(found[0], "..."), MADE.sub("", text))

    return Counter(
        (plain(t.task_id), m.context_type, plain(m.context), plain(m.message))
        for t in tree
        for m in lab.store.messages(t.task_id)
        if not any(note in m.message for note in NOTES)
    )


def kept(lab, task_id):
    """The build data of a tree, by what made it."""
    return Counter(
        (record.node, record.generator)
        for t in lab.tree(task_id)
        for record in lab.store.build_data(task_id=t.task_id)
    )


def recorded(lab, task_id):
    """How each task of a tree, its intents and the boot actions of its nodes ended."""
    store, found = lab.store, Counter()
    for t in lab.tree(task_id):
        result = t.result
        ends = (t.status, result.status, result.successes, result.failures, result.message)
        found[(t.action, t.scope, t.retry, *ends)] += 1
        for intent in store.intents(t.task_id):
            outcome = (intent.outcome or "").removeprefix("found ")
            found[(intent.node, intent.operation, outcome, intent.closed is None)] += 1
    for node in store.task(task_id).scope:
        for row in store.boot_actions(node):
            found[(node, row.name, row.status, row.closed is None)] += 1
    return found
