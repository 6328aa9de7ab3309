"""What most deliveries have in common, so that even a short one compresses well.

A dictionary is part of the stored format: once released it is never changed, only followed by
another with a number of its own. What is most common stands last, as zlib asks.
"""

ONE = (
    b'"errors":[{"code":131026,"title":"Message undeliverable","message":"Message undeliverable",'
    b'"error_data":{"details":"Message Undeliverable."},"href":"https://developers.facebook.com/docs/'
    b'whatsapp/cloud-api/support/error-codes/"}]"unsupported""location":{"latitude":"longitude":'
    b'"document":{"filename":"application/pdf","sticker":{"mime_type":"image/webp","animated":false'
    b'"video":{"video/mp4","audio":{"mime_type":"audio/ogg; codecs=opus","voice":true},'
    b'"type":"audio""image":{"caption":"mime_type":"image/jpeg","sha256":"id":"url":"https://lookaside.fbsbx.com/'
    b'whatsapp_business/attachments/?mid="}"type":"image"}"reaction":{"message_id":"wamid."'
    b',"emoji":""context":{"from":"","id":"wamid."},"type":"interactive","interactive":{"type":'
    b'"list_reply","list_reply":{"id":"","title":"","description":""}}"type":"button_reply","button_reply":{"id":"'
    b'","title":"type":"button","button":{"payload":"","text":""}}"referral":{"source_url":"source_id":'
    b'"group_id":"recipient_type":"group""display_phone_number":"parent_user_id":"username":'
    b'"conversation":{"id":"","expiration_timestamp":"","origin":{"type":"service"}},"pricing":'
    b'{"billable":true,"pricing_model":"PMP","category":"marketing","type":"regular"}'
    b'"category":"utility","type":"free_customer_service"},"biz_opaque_callback_data":"'
    b'{"statuses":[{"id":"wamid.HBgM","status":"read","status":"delivered","status":"failed",'
    b'"status":"sent","timestamp":"17","recipient_id":"","recipient_user_id":"US.'
    b'{"object":"whatsapp_business_account","entry":[{"id":"10","changes":[{"value":{'
    b'"messaging_product":"whatsapp","metadata":{"display_phone_number":"1555","phone_number_id":"10'
    b'"},"contacts":[{"profile":{"name":""},"wa_id":"","user_id":"}],"messages":[{"from":"",'
    b'"from_user_id":"","id":"wamid.HBgMMTU1NTUVAgASGBQzQTYA","timestamp":"17","text":{"body":""},'
    b'"type":"text"}]},"field":"messages"}]}]}'
)
