"""From "these tickers, these dates" to aligned arrays with a hash of their content.

Where things are, in the order in which prices pass them:

* ``files``      opens price files, Parquet or CSV; ``frames`` does the same for polars frames, and back
* ``columns``    which column of a table is what; long and wide tables
* ``cells``      a column's cells as dates, tickers, numbers; what is unreadable is said with its row
* ``rows``       one table's rows, checked: order, duplicates, prices, calendar
* ``align``      the rows of several tables → one panel
* ``panel``      the panel: sessions × tickers, float64, read-only
* ``missing``    what a strategy needs and the panel lacks
* ``calendar``   the sessions of the NYSE
* ``synthetic``  a made-up market from a seed; ``universe`` is its table of funds, ``weather`` its factors
"""
