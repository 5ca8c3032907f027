"""What charts are drawn from: rows of a sweep taken together, while it runs and after.

Each is a pure function of a `shelf.Table`:

* `heatmap`    two variables, and a metric in each cell of their values
* `marginals`  each variable by itself
* `histogram`  one metric
* `pareto`     the rows that no other beats in two or three metrics
* `summary`    how many rows are well, and the quartiles of some metrics

`chosen` gives them the columns that they read, of the rows that satisfy a condition. `routes` asks them.
"""
