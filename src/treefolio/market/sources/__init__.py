"""Sources of prices: one small module each, behind one protocol.

* ``base``        the protocol, and what a source answers
* ``transport``   HTTP that waits, repeats and gives up in good order; ``limits`` is the shared rate limit
* ``alpaca``      through its own client (``alpaca_client``), in its spelling (``alpaca_terms``)
* ``massive``     likewise (``massive_client``, ``massive_terms``)
* ``flat_files``  Massive's daily and minute files from a folder: read one by one (``flat_rows``), sorted by
                  ticker (``flat_runs``), merged with what is there (``flat_blocks``)
* ``yahoo``       through yfinance
* ``made_up``     the synthetic market
* ``table``       which sources there are, and how each is opened
"""
