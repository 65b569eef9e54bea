"""Counts what holds and what does not, and says which."""


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
