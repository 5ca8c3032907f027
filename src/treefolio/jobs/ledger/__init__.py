"""What must survive: every table and all SQL.

* ``records``      what is read, as frozen values
* ``store``        for those who submit and watch: jobs, snapshots, files, events
* ``bench``        for workers: claim, finish, fail, hand back, expire
* ``transitions``  applies `treefolio.jobs.states` to a job's row
"""
