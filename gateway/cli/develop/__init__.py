"""Commands for those who write a bot: dev, chat, rules, capture, replay."""
