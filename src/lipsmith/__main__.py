"""`python -m lipsmith` is the command `lipsmith`."""

from lipsmith.cli.main import main

if __name__ == "__main__":
    main()
