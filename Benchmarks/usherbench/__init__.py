"""The benchmarks of Usher: measurements, what they are held against, and how they are printed."""
import pathlib
import sys

# Whatever module of this package is first: the private host's modules are found.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "Tests" / "Host"))
