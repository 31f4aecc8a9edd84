"""`python -m drydockd.cli`: the `drydock` command without its entry point."""

from drydockd.cli import main

if __name__ == "__main__":
    main()
