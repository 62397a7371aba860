"""`python -m heteroplan`."""

from heteroplan.cli import main

if __name__ == "__main__":
    main()
