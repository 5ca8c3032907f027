"""The price cache: bytes under keys, in a folder or in Redis.

* ``base``       the protocol
* ``blocks``     what the bytes are: a ticker's bars of a year, or its corporate actions
* ``names``      a block's name, safe for file systems and servers
* ``directory``  a folder, safe under many processes; the default
* ``redis``      a Redis server that several machines share
* ``choice``     which of them the settings name; what happens when Redis is not there
* ``once``       what is wrong with a cache is said once
"""
