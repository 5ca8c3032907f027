"""``python -m treefolio`` is the command line."""

from treefolio.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
