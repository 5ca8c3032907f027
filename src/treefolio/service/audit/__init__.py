"""The log of sensitive acts, as the service writes and shows it; `treefolio.jobs.acts` says what is in it."""
