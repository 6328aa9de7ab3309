"""Actions that send a message whose form Meta nests deeper: places, contacts, links, products."""
