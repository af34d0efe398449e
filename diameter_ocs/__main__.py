"""`python -m diameter_ocs` is `ocs`."""

from diameter_ocs.cli import main

if __name__ == "__main__":
    main()
