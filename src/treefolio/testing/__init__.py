"""Public generators and fakes for tests.

* ``trees``       random strategies with every kind of node and condition, from a seeded NumPy generator
* ``panels``      random prices with late listings, gaps, ties and flat stretches
* ``clock``       a clock that stands still until it is told otherwise
* ``postgres``    a real Postgres that can be killed, with a database for each test
* ``redis``       a real Redis server that can be killed, paused and filled
* ``vendors``     a server on this machine that speaks as price vendors do, faults included
* ``flat_files``  folders of a vendor's daily and minute files
"""
