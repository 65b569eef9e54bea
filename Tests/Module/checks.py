"""Counts what holds and what does not, and says which."""
import traceback


class Checks:
    def __init__(self):
        self.passed = 0
        self.failed = 0

    def holds(self, what, condition, detail=""):
        """One line a check; `detail` explains a failure."""
        if condition:
            self.passed += 1
            print(f"ok   {what}", flush=True)
        else:
            self.failed += 1
            print(f"FAIL {what}", flush=True)
            for line in str(detail).splitlines():
                print(f"     {line}", flush=True)
        return condition

    def equal(self, what, found, expected):
        return self.holds(what, found == expected, f"found    {found!r}\nexpected {expected!r}")

    def run_all(self, suite):
        """Every method `test_…` of a suite; one that ends in an exception is a failure like any other."""
        for name in [name for name in dir(suite) if name.startswith("test_")]:
            try:
                getattr(suite, name)()
            except Exception:
                self.holds(f"{type(suite).__name__}.{name} runs to its end", False, traceback.format_exc())
