"""Lists of values under a name: tickers, numbers, dates. A sweep varies over one as ``@name``.

* `pasted`     text → values, with every problem by its place; values → text
* `store`      lists in the database
* `expansion`  a submission with ``@name`` → one with values
* `models`     what is asked and answered; `routes`
"""
