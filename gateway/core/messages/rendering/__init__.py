"""Drawing of messages as the chat shows them: HTML without script, safe for any text.

Everything a message says is escaped, and isolated in its direction of reading. No file is fetched:
in the place of an image stands a sign. The same message gives the same bytes.
"""

from gateway.core.messages.rendering.renderer import (
    STYLESHEET,
    ChatMessage,
    read_content,
    render_chat,
    render_message,
    render_page,
    render_picture,
)

__all__ = [
    "STYLESHEET",
    "ChatMessage",
    "read_content",
    "render_chat",
    "render_message",
    "render_page",
    "render_picture",
]
