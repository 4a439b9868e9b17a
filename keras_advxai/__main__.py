"""`python -m keras_advxai`: the command line."""

from keras_advxai.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
