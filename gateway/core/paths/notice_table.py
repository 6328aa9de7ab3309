"""Table of the paths of notices by their webhook field; its form is that of the message table.

`as call` below a heading is the word before the path, where that is not `notice`.

https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/overview
"""

NOTICES = """
# notice:account_update notice:message_template_status_update notice:phone_number_quality_update \
notice:security notice:flows
notice.event | text | what happened, such as `APPROVED`, `PAUSED` or `ACCOUNT_RESTRICTION`

# notice:message_template_status_update notice:message_template_quality_update \
notice:message_template_components_update notice:template_category_update
notice.message_template_id | text | Meta's id of the template
notice.message_template_name | text | the template
notice.message_template_language | text | its language

# notice:message_template_status_update
notice.message_template_category | text | its category
notice.reason | text | why, in Meta's words
notice.rejection_info.reason | text | why it was rejected
notice.rejection_info.recommendation | text | what Meta advises
notice.disable_info.disable_date | text | when it is disabled
notice.other_info.title | text | why it was paused or locked
notice.other_info.description | text | the same in detail

# notice:message_template_quality_update
notice.previous_quality_score | text | the quality before: `GREEN`, `YELLOW`, `RED`, `UNKNOWN`
notice.new_quality_score | text | the quality now

# notice:message_template_components_update
notice.message_template_title | text | the new header
notice.message_template_element | text | the new text
notice.message_template_footer | text | the new footer
notice.message_template_buttons.message_template_button_type | texts | the kinds of the buttons
notice.message_template_buttons.message_template_button_text | texts | their titles
notice.message_template_buttons.message_template_button_url | texts | their links
notice.message_template_buttons.message_template_button_phone_number | texts | their phone numbers

# notice:template_category_update
notice.previous_category | text | the category before
notice.new_category | text | the category now
notice.correct_category | text | the category that Meta takes for right
notice.category_update_timestamp | moment | when it changes

# notice:account_update
notice.country | text | the country of the business
notice.restriction_info.restriction_type | texts | what is restricted
notice.restriction_info.expiration | moments | when the restriction ends
notice.restriction_info.remediation | texts | what Meta advises
notice.violation_info.violation_type | text | which policy was violated
notice.ban_info.waba_ban_state | texts | `SCHEDULE_FOR_DISABLE`, `DISABLE` or `REINSTATE`
notice.ban_info.waba_ban_date | text | when
notice.waba_info.waba_id | text | the WhatsApp account
notice.waba_info.owner_business_id | text | the business that owns it
notice.waba_info.ad_account_linked | text | the ad account
notice.waba_info.partner_app_id | text | the partner's app
notice.waba_info.solution_id | text | the partners' solution
notice.waba_info.solution_partner_business_ids | texts | the partners
notice.auth_international_rate_eligibility.start_time | moment | when its prices begin
notice.auth_international_rate_eligibility.exception_countries.country_code | texts | where else
notice.auth_international_rate_eligibility.exception_countries.start_time | moments | since when
notice.partner_client_certification_info.client_business_id | text | the partner's client
notice.partner_client_certification_info.status | text | how far the certification is
notice.partner_client_certification_info.rejection_reasons | texts | why it was rejected
notice.disconnection_info.reason | text | why the phone of the business was disconnected
notice.disconnection_info.initiated_by | text | by whom
notice.volume_tier_info.tier | text | the tier of the price
notice.volume_tier_info.tier_update_time | moment | since when
notice.volume_tier_info.pricing_category | text | for which messages
notice.volume_tier_info.effective_month | text | for which month
notice.volume_tier_info.region | text | where

# notice:account_alerts
notice.entity_type | text | what it is about
notice.entity_id | text | Meta's id of it
notice.alert_info.alert_severity | text | how serious it is
notice.alert_info.alert_status | text | whether it goes on
notice.alert_info.alert_type | text | the kind of alert
notice.alert_info.alert_description | text | the alert in words

# notice:account_review_update notice:phone_number_name_update
notice.decision | text | `APPROVED`, `REJECTED`, …

# notice:phone_number_name_update notice:phone_number_quality_update notice:security
notice.display_phone_number | text | the number of ours

# notice:phone_number_name_update
notice.requested_verified_name | text | the name that was asked for
notice.rejection_reason | text | why it was rejected

# notice:phone_number_quality_update
notice.current_limit | text | the limit now, such as `TIER_1K`
notice.old_limit | text | the limit before

# notice:phone_number_quality_update notice:business_capability_update
notice.max_daily_conversations_per_business | text | how many customers you may write to in a day

# notice:business_capability_update
notice.max_daily_conversation_per_phone | text | the same for a number, in older webhooks
notice.max_phone_numbers_per_business | number | how many numbers the business may have
notice.max_phone_numbers_per_waba | number | how many numbers the account may have

# notice:security
notice.requester | text | who asked for the change

# notice:user_preferences notice:automatic_events notice:smb_app_state_sync \
notice:group_lifecycle_update notice:group_participants_update notice:group_settings_update \
notice:group_status_update notice:messaging_handovers
notice.timestamp | moment | when it happened

# notice:user_preferences
notice.wa_id | phone number | the customer
notice.user_id | private text | Meta's user id of the customer
notice.detail | text | what the customer chose, in words
notice.category | text | `marketing_messages`
notice.value | text | `stop` or `resume`
notice.signup_id | text | Meta's id of the sign-up

# notice:automatic_events
notice.id | text | the message
notice.event_name | text | `LeadSubmitted` or `Purchase`
notice.ctwa_clid | text | Meta's id of the click on the ad
notice.custom_data.currency | text | the currency
notice.custom_data.value | number | the price

# notice:smb_app_state_sync
notice.type | text | `contact`
notice.action | text | `add` or `remove`
notice.contact.full_name | private text | the customer in the phone's address book
notice.contact.first_name | private text | their first name
notice.contact.phone_number | phone number | their number
notice.contact.username | private text | their username
notice.metadata.timestamp | moment | when it was changed

# notice:flows
notice.flow_id | text | Meta's id of the Flow
notice.message | text | what happened, in words
notice.old_status | text | the status before
notice.new_status | text | the status now
notice.alert_state | text | `ACTIVATED` or `DEACTIVATED`
notice.threshold | number | the threshold
notice.error_rate | number | the rate of errors
notice.availability | number | how often the endpoint answers
notice.p90_latency | number | the time in which nine of ten answers come
notice.p50_latency | number | the time in which half of the answers come
notice.requests_count | number | how many requests there were
notice.errors.error_type | texts | which errors
notice.errors.error_rate | numbers | how often each
notice.errors.error_count | numbers | how many of each

# notice:errors
notice.code | number | Meta's code
notice.title | text | its title
notice.message | text | its message
notice.error_data.details | text | it in detail
notice.href | text | Meta's page about it

# notice:group_lifecycle_update notice:group_participants_update notice:group_settings_update \
notice:group_status_update
notice.group_id | text | the group
notice.type | text | what happened, such as `group_participants_add`
notice.request_id | text | Meta's id of your request
notice.subject | private text | the subject of the group
notice.description | private text | its description
notice.invite_link | private text | the link that invites
notice.reason | text | why
notice.initiated_by | text | who did it
notice.added_participants.wa_id | phone numbers | who came
notice.added_participants.input | phone numbers | who was asked to come
notice.removed_participants.wa_id | phone numbers | who went
notice.removed_participants.input | phone numbers | who was to go
notice.failed_participants.input | phone numbers | with whom it failed
notice.errors.code | numbers | Meta's codes
notice.errors.title | texts | their titles
notice.errors.message | texts | their messages

# notice:messaging_handovers
notice.type | text | `control_passed` or `control_taken`
notice.control_passed.previous_owner_role | text | who answered before
notice.control_passed.new_owner_role | text | who answers now
notice.control_passed.metadata | text | what the other said with it
notice.control_taken.previous_owner_role | text | who answered before
notice.control_taken.new_owner_role | text | who answers now
notice.control_taken.metadata | text | what the other said with it

# notice:calls
as call
call.id | text | Meta's id of the call
call.from | phone number | who calls
call.to | phone number | who is called
call.event | text | `connect` or `terminate`
call.type | text | of a call of yours, `call`
call.status | text | `RINGING`, `ACCEPTED`, `REJECTED`, or `COMPLETED`, `FAILED`
call.direction | text | `USER_INITIATED` or `BUSINESS_INITIATED`
call.timestamp | moment | when it happened
call.start_time | moment | when it began
call.end_time | moment | when it ended
call.duration | number | how long it took, in seconds
call.recipient_id | phone number | whom you call
call.biz_opaque_callback_data | text | what was sent along
call.cta_payload | text | the payload of the button that called
call.deeplink_payload | text | the payload of the link that called
call.session.sdp_type | text | `offer` or `answer`
call.session.sdp | private text | the session's description
call.errors.code | numbers | Meta's codes of what went wrong
call.errors.message | texts | the errors in words
"""
