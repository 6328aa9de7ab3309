"""Where a test of the whole fails, it tells what `gateway trace` has to say, as fault tests do."""

from tests.faults.conftest import pytest_runtest_makereport as pytest_runtest_makereport
