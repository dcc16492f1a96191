"""The format of all that a run leaves for its own later steps, as one number.

It stands in the record of each run and in each change message, and beside what is kept between runs
and can be had again (the mirror, the tables of pulls). Whoever meets another number reads nothing
of it: a run is begun again from its files (sync/upgrading.py), the rest is asked for anew. So any
version may follow on any other, a later one or an earlier one, while runs are under way.

Raise it whenever a later step, or an earlier version, would take what is left for something else:
artefacts, their columns, messages, fields of the record. What must never change is what is read
before the number is known: the partition and key of a record, its `format`, `source`, `trigger`,
`status` and `position`, and `run` and `step` of a control message.
"""

FORMAT = 1
