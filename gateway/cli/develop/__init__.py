"""Commands for authors of a bot: dev, chat, rules, capture, replay."""
