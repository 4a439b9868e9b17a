#!/bin/sh
# What the package costs on the accelerator of this machine: benchmarks/on_device.sh [--quick] [--write]
# Run it in an environment that has the package and a TensorFlow that sees the device:
#   pip install -c requirements/lock.txt 'tensorflow[and-cuda]' -e .
set -eu
cd "$(dirname "$0")/.."
PYTHON="${PYTHON:-python3}"
if ! "$PYTHON" -c 'import importlib.util as u, sys; sys.exit(not (u.find_spec("tensorflow") and u.find_spec("keras")))'; then
    echo "$PYTHON has no TensorFlow. Name another one, PYTHON=.venv/bin/python, or install it: see above." >&2
    exit 1
fi
TF_CPP_MIN_LOG_LEVEL="${TF_CPP_MIN_LOG_LEVEL:-3}" exec "$PYTHON" -m benchmarks.on_device "$@"
