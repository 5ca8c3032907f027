"""Strategies that are kept: imported from any format, with all their versions, compared, shared read-only.

* `reading`     a text → what is kept of it; all that is wrong with a text
* `store`       strategies and versions in the database; `records`, what it gives
* `difference`  what changed from one version to another
* `sharing`     links by which others may read a strategy
* `models`      what is asked and answered; `routes`, `version_routes`, `share_routes`
"""
