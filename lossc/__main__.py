"""``python -m lossc``."""

from lossc.cli import main

if __name__ == "__main__":
    main()
