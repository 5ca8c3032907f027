"""Accounts: who may use a service of several users, and how they are known.

* `store`      users, their passwords, one-time links, logins
* `sessions`, `tokens`   what follows a login, and what scripts have
* `keeper`     what the door asks: who is it, may they come in?
* `passwords`, `names`, `secret`   the rules of each
* `models`, `routes`, `managing`   over HTTP; `page` is a page for people
"""
