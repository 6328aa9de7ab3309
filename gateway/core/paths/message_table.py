"""Table of the paths of messages, in Meta's words; `gateway/core/paths/table.py` reads it.

A heading names the events that have the paths below it: `message` for any message, `message:order`
for messages of one type, `status`. A row is the path, the kind of its value, and what it is; a
`private` value is shown to operators only if they ask for it. `a = b` is a name of ours for Meta's
path b.

https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/messages
"""

MESSAGES = """
# message status
errors.code | number | Meta's code of what is wrong with it
errors.title | text | the error's title
errors.message | text | the error's message
errors.error_data.details | text | the error in detail
errors.href | text | Meta's page about the error

# message
group_id | text | the group in which it was written
from_user_id | private text | Meta's user id of the customer
from_parent_user_id | private text | Meta's user id of the customer for all of a company
to | phone number | of a colleague's message, the customer
to_user_id | private text | of a colleague's message, the customer's user id
to_parent_user_id | private text | the same for all of a company
context.id | text | the message that it answers
context.from | phone number | who wrote the message that it answers
context.forwarded | yes or no | it was forwarded
context.frequently_forwarded | yes or no | it was forwarded many times
context.referred_product.catalog_id | text | the catalog of the product that it asks about
context.referred_product.product_retailer_id | text | your id of the product that it asks about
referral.source_url | text | the link of the ad or post that it came from
referral.source_id | text | Meta's id of the ad or post
referral.source_type | text | `ad` or `post`
referral.headline | text | the headline of the ad or post
referral.body | text | the text of the ad or post
referral.media_type | text | `image` or `video`
referral.image_url | text | the picture of the ad
referral.video_url | text | the video of the ad
referral.thumbnail_url | text | the preview of the video
referral.ctwa_clid | text | Meta's id of the click on the ad
referral.welcome_message.text | text | the greeting of the ad
identity.acknowledged | yes or no | the change of the customer's security code is known
identity.created_timestamp | moment | when the security code changed
identity.hash | private text | Meta's digest of the security code
history_context.status | text | of an old message, how far it got

# message:text
text.body | private text | what was written

# message:button
button.text | private text | the title of the template's button that was tapped
button.payload | text | its payload

# message:interactive
interactive.type | text | `button_reply`, `list_reply`, `nfm_reply`, …
interactive.button_reply.id | text | the id of the button that was tapped
interactive.button_reply.title | private text | its title
interactive.list_reply.id | text | the id of the row that was tapped
interactive.list_reply.title | private text | its title
interactive.list_reply.description | private text | its description
interactive.nfm_reply.name | text | `flow`, or `address_message`
interactive.nfm_reply.body | private text | what the customer sees of the answer
interactive.nfm_reply.response_json | private text | the answers as Meta writes them
interactive.call_permission_reply.response | text | `accept` or `reject`
interactive.call_permission_reply.is_permanent | yes or no | calls are allowed for good
interactive.call_permission_reply.expiration_timestamp | moment | when the permission ends
interactive.call_permission_reply.response_source | text | `user_action` or `automatic`
flow | private texts | all answers of a Flow, each as `size: M`
flow.* | private texts | the answer of that name in a Flow, such as `flow.size`

# message:image
image.id | text | Meta's id of the file
image.mime_type | text | its type, such as `image/jpeg`
image.sha256 | text | its digest
image.url | text | where it can be fetched with a token
image.caption | private text | the text below it

# message:video
video.id | text | Meta's id of the file
video.mime_type | text | its type
video.sha256 | text | its digest
video.url | text | where it can be fetched with a token
video.caption | private text | the text below it

# message:audio
audio.id | text | Meta's id of the file
audio.mime_type | text | its type
audio.sha256 | text | its digest
audio.url | text | where it can be fetched with a token
audio.voice | yes or no | it was recorded with the phone

# message:document
document.id | text | Meta's id of the file
document.filename | private text | what the file is called
document.mime_type | text | its type, such as `application/pdf`
document.sha256 | text | its digest
document.url | text | where it can be fetched with a token
document.caption | private text | the text below it

# message:sticker
sticker.id | text | Meta's id of the file
sticker.mime_type | text | its type
sticker.sha256 | text | its digest
sticker.url | text | where it can be fetched with a token
sticker.animated | yes or no | it moves

# message:location
location.latitude | private number | degrees north
location.longitude | private number | degrees east
location.name | private text | what the place is called
location.address | private text | its address
location.url | private text | its page

# message:contacts
contacts.name = contacts.name.formatted_name | private texts | the names on the cards
contacts.phones = contacts.phones.phone | phone numbers | the phone numbers on the cards
contacts.emails = contacts.emails.email | private texts | the addresses for mail on the cards
contacts.name.formatted_name | private texts | the whole names
contacts.name.first_name | private texts | the first names
contacts.name.last_name | private texts | the last names
contacts.name.middle_name | private texts | the middle names
contacts.name.prefix | private texts | what stands before the names
contacts.name.suffix | private texts | what stands behind the names
contacts.phones.phone | phone numbers | the phone numbers
contacts.phones.wa_id | phone numbers | the same as WhatsApp knows them
contacts.phones.user_id | private texts | Meta's user ids of the persons
contacts.phones.type | texts | `CELL`, `HOME`, `WORK`, …
contacts.emails.email | private texts | the addresses for mail
contacts.emails.type | texts | `HOME`, `WORK`, …
contacts.urls.url | private texts | the pages
contacts.urls.type | texts | `HOME`, `WORK`, …
contacts.addresses.street | private texts | the streets
contacts.addresses.city | private texts | the cities
contacts.addresses.state | private texts | the states
contacts.addresses.zip | private texts | the postal codes
contacts.addresses.country | private texts | the countries
contacts.addresses.country_code | texts | the countries' two letters
contacts.addresses.type | texts | `HOME`, `WORK`, …
contacts.org.company | private texts | the companies
contacts.org.department | private texts | the departments
contacts.org.title | private texts | the titles in the companies
contacts.birthday | private texts | the birthdays
contacts.origin | texts | where the cards come from
contacts.vcard | private texts | the cards as files

# message:reaction
reaction.emoji | text | the emoji; nothing if the reaction was removed
reaction.message_id | text | the message that it is about

# message:order
order.items | private texts | what was ordered, each as `2 x pizza-9`
order.count | number | how many pieces were ordered
order.total | private number | what they cost together, if all have one currency
order.currency | text | the currency, if all have the same
order.text | private text | the note that the customer wrote
order.catalog_id | text | Meta's id of the catalog
order.product_items.product_retailer_id | texts | your ids of the products
order.product_items.quantity | numbers | how many of each
order.product_items.item_price | private numbers | what one of each costs
order.product_items.currency | texts | the currency of each

# message:edit
edit.text | private text | the new text or caption
edit.original_message_id | text | the message that was changed
edit.message.type | text | its type
edit.message.context.id | text | the message that it answers
edit.message.text.body | private text | the new text
edit.message.image.caption | private text | the new caption
edit.message.image.id | text | Meta's id of the file
edit.message.image.mime_type | text | its type
edit.message.image.sha256 | text | its digest
edit.message.image.url | text | where it can be fetched with a token
edit.message.video.caption | private text | the new caption
edit.message.video.id | text | Meta's id of the file
edit.message.document.caption | private text | the new caption
edit.message.document.id | text | Meta's id of the file
edit.message.document.filename | private text | what the file is called

# message:revoke
revoke.original_message_id | text | the message that was deleted

# message:system
system.type | text | what changed: `user_changed_number`, …
system.body | private text | the change in words
system.wa_id | phone number | the customer's new number
system.new_wa_id | phone number | the same in older webhooks
system.customer | phone number | the customer's former number
system.identity | private text | Meta's digest of the security code
system.user_id | private text | the customer's new user id
system.previous_user_id | private text | the former one
system.parent_user_id | private text | the new one for all of a company
system.previous_parent_user_id | private text | the former one for all of a company

# message:unsupported
unsupported.type | text | what Meta could not pass on

# status
recipient_id | phone number | to whom the message went
recipient_user_id | private text | Meta's user id of the customer
recipient_parent_user_id | private text | the same for all of a company
recipient_type | text | `group` for a message to a group
recipient_participant_id | phone number | who of the group it is about
recipient_participant_user_id | private text | their user id
recipient_participant_parent_user_id | private text | the same for all of a company
recipient_identity_key_hash | private text | Meta's digest of the security code
biz_opaque_callback_data | text | what was sent along
conversation.id | text | Meta's id of the conversation
conversation.expiration_timestamp | moment | when it ends
conversation.origin.type | text | who began it
pricing.billable | yes or no | it costs something
pricing.pricing_model | text | `PMP` or `CBP`
pricing.category | text | `service`, `utility`, `marketing`, …
pricing.type | text | `regular`, `free_customer_service`, …
"""
