"""Schedules: jobs that the service submits by itself, at their time.

What they are and how they fire is in `treefolio.jobs.ledger.agenda`; here is how they are asked for.
"""
