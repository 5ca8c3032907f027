"""The routes, a file for each noun: each has `router(house)`."""
