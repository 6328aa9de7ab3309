-- Answers to campaigns: for each way to answer a text with a bit for each recipient, beside the row of
-- the campaign, whose fields `answers:<way>` say how many bits are set.
-- with: recipients
local MOST_BUTTONS = 10 -- as many as a template has

-- Return whether the recipient had not answered in this way.
local function note_recipient(campaign, way, row)
  local answered = campaign .. ':' .. way
  if redis.call('SETBIT', answered, row, 1) == 1 then return false end
  redis.call('PEXPIRE', answered, redis.call('PTTL', campaign))
  return true
end

-- The field that counts a button, nil where there are too many: their titles come from customers.
local function field_of_button(campaign, title)
  local field = 'button:' .. title
  if title == '' or redis.call('HEXISTS', campaign, field) == 1 then return title ~= '' and field end
  if tonumber(redis.call('HGET', campaign, 'buttons') or 0) < MOST_BUTTONS then return field, true end
end

-- Count an answer once for its recipient, in each of the ways. All counts are set by one write, from
-- the bits, so whoever repeats it after a failure in between makes them right.
local function count_answer(number, send, ways, title)
  local campaign, row = campaign_of(number, send)
  if not row or not read_recipient(campaign, row) then return end
  local fields = {}
  for way in ways:gmatch('[^,]+') do
    local is_new = note_recipient(campaign, way, row)
    fields[#fields + 1] = 'answers:' .. way
    fields[#fields + 1] = redis.call('BITCOUNT', campaign .. ':' .. way)
    local button, is_first = nil, nil
    if is_new and way == 'tapped' then button, is_first = field_of_button(campaign, title) end
    if button then
      fields[#fields + 1] = button
      fields[#fields + 1] = tonumber(redis.call('HGET', campaign, button) or 0) + 1
    end
    if is_first then
      fields[#fields + 1] = 'buttons'
      fields[#fields + 1] = tonumber(redis.call('HGET', campaign, 'buttons') or 0) + 1
    end
  end
  redis.call('HSET', campaign, unpack(fields))
end
