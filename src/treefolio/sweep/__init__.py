"""Many backtests of one strategy, one of them, and what choosing among them is worth.

* ``ask``         from files and flags to what the engine is asked
* ``single``      one backtest; ``output`` writes its folder, ``manifest`` says what identifies it
* ``space``       the grid and its constraints; ``assignments``: a file of combinations, or a sample
* ``many``        a sweep from end to end: ``block`` is its loop, ``rows`` its tables, ``remote`` its workers
* ``ranking``     the best rows; ``files`` and ``spreadsheet`` write tables
* ``selection``   is the winner real? ``lineage`` counts trials over all sweeps of a strategy
* ``walkforward`` choose on some sessions, judge on others
* ``holdout``     keeps the end out of everything; ``reveal`` looks at it; ``lengths``: ``3y``, ``126d``
* ``robustness``  what one strategy's result hangs on
* ``compare``     several curves side by side; ``entrants`` are what is compared
* ``constants``   comparisons that come out the same on every session
* ``imports``     the day on which a strategy was first seen
* ``warm``        compiles the kernels
"""
