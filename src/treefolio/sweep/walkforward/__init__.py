"""Walk-forward and combinatorial cross-validation: choose on some sessions, judge on others.

* ``folds``      schemes, and the sessions that they train and test on
* ``plan``       from a planned sweep and a scheme to the result
* ``search``     one pass over the space, for the best row of every training
* ``windows``    its kernel; ``screens`` tell it which rows need no measuring
* ``stability``  which values won, and how often that changed
* ``result``     everything that is known at the end; ``files`` writes it
"""
