"""What a worker does with chunks; `treefolio.jobs.chunks` gives them out.

* `attending`   work that is stopped although it waits for others, or is one long step
* `spaces`      kinds whose rows are computed in ranges: sweep and walk-forward
* `cutting`     into which ranges
* `prices`      what a job is computed on: fetched once, with the owner's keys
* `data`        kinds in one piece that work on the cache: warm, import, purge
"""
