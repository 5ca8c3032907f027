"""Vendors of prices on this machine: an HTTP server that speaks their wire formats, with faults on demand.

* ``server``       the server: requests recorded, a limit per minute, faults by script
* ``served``       what it serves: bars and corporate actions, made from a panel or made up
* ``alpaca_wire``, ``massive_wire``, ``yahoo_wire``   each vendor's paths and JSON, from its public
  documentation

    with VendorServer(AlpacaWire(served)) as server:
        ...  # TREEFOLIO_ALPACA_DATA_URL = server.url
"""
