"""Fixtures of the end-to-end tests: one private host for all, and an agent that runs before each test."""
import pathlib
import signal

import pytest

import forge
import observe
import private_host


@pytest.fixture(scope="session")
def machine():
    """The private host; this process is inside it from here on."""
    def ended(_number, _frame):
        raise KeyboardInterrupt
    signal.signal(signal.SIGTERM, ended)
    keeper = private_host.Keeper()
    try:
        yield keeper.join()
    finally:
        keeper.down()


@pytest.fixture
def host(machine):
    """The private host with all daemons running, whatever the test before has done to them."""
    for daemon in (machine.daemons.syslog, machine.agent, machine.sshd):
        if not daemon.pid:
            daemon.start()
    yield machine
    for daemon in (machine.agent, machine.sshd):
        if daemon.pid:
            daemon.signal(signal.SIGCONT)


@pytest.fixture
def broker(host):
    """The key that the host trusts."""
    return forge.Key.broker()


@pytest.fixture
def name():
    """A fresh account name."""
    return forge.account()


@pytest.fixture
def no_trace(host, name):
    """After the test, nothing of the account may be left and the agent must be alive."""
    yield
    observe.assert_agent_alive(host)
    observe.assert_nothing_left(name)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows what the daemons wrote during it."""
    outcome = yield
    report = outcome.get_result()
    machine = item.funcargs.get("host") if hasattr(item, "funcargs") else None
    if report.failed and machine is not None:
        for log in ("usherd.log", "sshd.log", "messages"):
            path = pathlib.Path(machine.work / log)
            if path.exists():
                lines = path.read_text(encoding="utf-8", errors="replace").splitlines()[-25:]
                report.sections.append((f"end of {log}", "\n".join(lines)))
