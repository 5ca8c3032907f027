"""From "these tickers, these dates" to aligned arrays with a hash of their content.

A panel comes from a ``supply``: price files, a vendor behind the cache, the made-up market, a snapshot.

Files, in the order in which prices pass them:

* ``files``      opens price files, Parquet or CSV; ``frames`` does the same for polars frames, and back
* ``columns``    which column of a table is what; long and wide tables
* ``cells``      a column's cells as dates, tickers, numbers; what is unreadable is said with its row
* ``rows``       one table's rows, checked: order, duplicates, prices, calendar
* ``align``      the rows of several tables → one panel

Vendors:

* ``vendors``    a vendor's name → its prices behind the cache; ``settings`` are environment variables
* ``store``      what the cache knows, and what is asked of the source: bars and corporate actions;
                 ``merging`` cuts blocks of bars and puts them together
* ``sources``    Alpaca, Massive, Yahoo and others, behind one protocol; ``cache``: a folder or Redis
* ``bars``, ``actions``   what both of them speak of
* ``sift``       checks on ingest; ``suspicion`` looks for splits that nobody told; ``findings`` lists both,
                 ``accepted`` is what the user found right
* ``adjust``     raw bars and actions → prices on one basis
* ``assembly``   the bars of a stock → one panel

And for all:

* ``panel``      the panel: sessions × tickers, float64, read-only; ``snapshots`` keeps panels by their hash
* ``difference`` what is different between two panels
* ``missing``    what a strategy needs and the panel lacks
* ``calendar``   the sessions of the NYSE and their closes; ``clock`` says which session it is
* ``synthetic``  a made-up market from a seed; ``universe`` is its table of funds, ``weather`` its factors
"""
