"""What must survive: every table and all SQL.

* ``records``      what is read, as frozen values
* ``store``        for those who submit and watch: jobs, snapshots, files, events
* ``bench``        for workers: claim, finish, fail, hand back, expire
* ``limits``       what a user may have at once, of a day, in store
* ``agenda``       schedules, and what is submitted at its time
* ``retention``    whose prices are whose; what is removed
* ``submitting``   a new job, in whoever's transaction
* ``transitions``  applies `treefolio.jobs.states` to a job's row
"""
