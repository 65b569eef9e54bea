"""The benchmarks of Usher: measurements, what they are held against, and how they are printed."""
