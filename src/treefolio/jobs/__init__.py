"""Durable work on Postgres: jobs are cut into chunks, workers take them, and nothing is lost or done twice.

1. `requests` says what a job is asked, and plans it exactly as the command line does.
2. `ledger` keeps all that must survive of jobs and schedules. `tables` are the tables of the whole service,
   `migrations` make them, `locks` are what no row stands for. `states` is the life of a job.
3. `queue` hands chunks to workers through Procrastinate, in the order of `fairness`.
4. `worker` is a process that takes one chunk at a time; `chunks` does it, with what `workshop` knows of each
   kind; `conclusion` makes a finished job's files, `joining` takes small parts together. `agenda` says when
   schedules are due.
5. `vault` keeps users' keys, encrypted with those of the `keyring`. `acts` is the log of sensitive acts.
6. `embedded` is the Postgres that is there when no other one is named.

The rows of a chunk arrive in the transaction that marks it done, guarded by the number of the attempt. So a
chunk may be computed several times, and counts once.
"""
