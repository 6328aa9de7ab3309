"""The store stays with its installation while accounts come and go."""

from gateway.config.settings import Settings
from gateway.core.storage.ownership import Installation, StoreOwner, settle_owner, stranger_problem

NAMELESS = StoreOwner("id", Installation("", "1001", "501"))


def mine(**env: str) -> Installation:
    """Return the installation of a gateway with a file of accounts."""
    given = {
        "REDIS_URL": "redis://store:6379/0",
        "GATEWAY_ACCOUNTS": "accounts.yaml",
        "GATEWAY_INSTALLATION": "fleet",
    }
    return Settings.from_env(given | env).installation


def settled(owner: StoreOwner, installation: Installation) -> StoreOwner:
    return settle_owner(owner, installation, ["id"], StoreOwner("new", installation), 1)


def test_a_store_with_a_name_is_known_by_it_whatever_the_accounts_are() -> None:
    owner = StoreOwner("id", Installation("fleet", "1001", "501"))

    assert stranger_problem(owner, mine()) == ""
    assert settled(owner, mine()).installation.name == "fleet"


def test_a_store_of_one_number_learns_the_name_where_the_number_is_still_set() -> None:
    owner = settled(NAMELESS, mine(META_PHONE_NUMBER_ID="1001", META_APP_ID="501"))

    assert owner.installation == Installation("fleet", "1001", "501")
    assert stranger_problem(owner, mine()) == ""


def test_a_store_of_one_number_is_a_strangers_until_it_has_the_name() -> None:
    assert "belongs to another installation (number 1001, app 501)" in stranger_problem(
        NAMELESS, mine()
    )


def test_another_fleet_is_a_stranger() -> None:
    owner = settled(NAMELESS, mine(META_PHONE_NUMBER_ID="1001"))

    assert stranger_problem(owner, mine(GATEWAY_INSTALLATION="other")) != ""
