"""What a client call can end with; ``status_code`` is the real one."""

from __future__ import annotations

# What is said of a path that nobody knows, instead of what is not there: then the URL is told.
UNKNOWN_PATH = ("Not Found", "404 Not Found")


class ClientError(Exception):
    """The API answered with an error, or could not be asked.

    `message` is for people, `status_code` the answer's (None when there was no answer),
    `body` the parsed JSON of the answer, or its text.
    """

    def __init__(self, message: str, status_code: int | None = None, body: object = None) -> None:
        super().__init__(message)
        self.message = message
        self.status_code = status_code
        self.body = body

    @property
    def reason(self) -> str:
        """The server's own words in one line, else the message."""
        if isinstance(self.body, dict):
            if self.status_code == 401 and (why := _text(self.body, "description")):
                return f"{_text(self.body, 'message') or 'Unauthenticated'}: {why}"
            for key in ("message", "description", "title"):
                if (text := _text(self.body, key)) and text not in UNKNOWN_PATH:
                    return text
        return " ".join(self.message.split())


def _text(body: dict[str, object], key: str) -> str:
    text = body.get(key)
    return " ".join(text.split()) if isinstance(text, str) else ""


class ClientUnauthorizedError(ClientError):
    """401, also after the token was renewed."""


class ClientForbiddenError(ClientError):
    """403: known, but not allowed."""


class ClientConnectionError(ClientError):
    """No answer: the name, the connection, TLS, or the time-out."""


class ClientTimeoutError(ClientError):
    """What was waited for did not happen in the time given."""
