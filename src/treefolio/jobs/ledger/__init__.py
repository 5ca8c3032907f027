"""What must survive of jobs, schedules and prices, in transactions.

* ``records``      what is read, as frozen values
* ``database``     an engine for it, and how it is read and written
* ``store``        for those who submit and watch: jobs, snapshots, files
* ``measure``      how far a job is
* ``bench``        for workers: claim, finish, fail, hand back, expire
* ``attempts``     who has a chunk, and what becomes of it, in a transaction of the bench
* ``errands``      what a chunk brings before it is done: prices that it fetched, its progress
* ``limits``       what a user may have at once, of a day, in store
* ``agenda``       schedules, and what is submitted at its time
* ``retention``    whose prices are whose; what is removed
* ``submitting``   a new job, in whoever's transaction
* ``transitions``  applies `treefolio.jobs.states` to a job's row
* ``tickets``      waiting chunks in the queue of Procrastinate, in the order of `treefolio.jobs.fairness`
* ``clock``        the database's, and which workers are there by it
* ``patience``     with a database that says nothing
"""
