"""How long the parts of a message may be, in characters, as Meta says.

https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/send-messages
"""

TEXT = 4096
CAPTION = 1024
FILENAME = 240

BUTTONS_TEXT = 1024  # also of every other interactive message but a list
LIST_TEXT = 4096
HEADER = FOOTER = 60
BUTTONS = 3
BUTTON_TITLE = 20
BUTTON_ID = 256

LIST_BUTTON = 20
ROWS = SECTIONS = 10
SECTION_TITLE = 24
ROW_TITLE = 24
ROW_DESCRIPTION = 72
ROW_ID = 200
