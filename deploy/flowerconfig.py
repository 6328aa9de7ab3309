"""Settings of Flower: it shows nothing without the login, and changes nothing.

`celery -A tasks flower --conf=deploy/flowerconfig.py` reads this file after Flower's own variables.
"""

import sys

from flower.views.monitor import Metrics
from tornado.web import authenticated

from gateway.config.environment import environment

_env = environment()
basic_auth = [login.strip() for login in _env.get("FLOWER_BASIC_AUTH", "").split(",")]
if not all(user and password for user, _, password in (one.partition(":") for one in basic_auth)):
    sys.exit("Flower needs FLOWER_BASIC_AUTH=user:password, in the environment or in .env.")

address = "127.0.0.1"  # --address on the command line names another
read_only = True
# Left to itself Flower makes every worker report every task, also those that were told not to.
enable_events = _env.get("FLOWER_ENABLE_EVENTS", "false").strip().lower() in ("true", "1", "yes")

# Flower leaves this page open even if everything else needs the login.
Metrics.get = authenticated(Metrics.get)
