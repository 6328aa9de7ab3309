"""The access token: which one is accepted, and whether it is just now."""

import hmac


class Token:
    """One token that can be changed, revoked and given back."""

    def __init__(self, text: str) -> None:
        """Accept this token."""
        self.revoked = False
        self.change(text)

    def change(self, text: str) -> None:
        """Accept another token instead."""
        self._bearer = f"Bearer {text}".encode()

    def fits(self, authorization: str) -> bool:
        """Tell whether a header holds the accepted token."""
        return hmac.compare_digest(authorization.encode(), self._bearer) and not self.revoked
