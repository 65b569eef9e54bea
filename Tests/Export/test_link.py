"""What the agent is built from holds no TLS library; the command line does."""
import subprocess

import pytest

from conftest import USHER


@pytest.mark.parametrize("program, expected", [("usherd", False), ("usher", True)])
def test_only_usher_links_tls(program, expected):
    symbols = subprocess.run(["nm", "--defined-only", USHER.parent / program], capture_output=True, check=True).stdout
    assert (b" CNIOBoringSSL_SSL_connect" in symbols) == expected
    assert len(symbols) > 1_000_000
