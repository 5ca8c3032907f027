"""Public generators for tests: strategies and prices from a seeded NumPy generator.

* `trees`: random strategies with every kind of node and condition.
* `panels`: random prices with late listings, gaps, ties and flat stretches.
"""
