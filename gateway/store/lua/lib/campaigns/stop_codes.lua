-- Stop codes: Meta's codes after which a campaign pauses at once, whatever becomes of the send itself.
-- The row of the campaign has `stop_code:<code>`, when the latest attempt began that got it: one that
-- began before the campaign was resumed says nothing new.
-- This is noted beside what becomes of a send, so damage to it holds up nothing.
-- with: recipients
local STOP_CODES = {}
for _, code in ipairs(C.STOP_CODES) do STOP_CODES[code] = true end

local function write_stop_code(number, id, row, attempt, code)
  local campaign, field = campaign_of(number, id), 'stop_code:' .. code
  local began = tonumber(redis.call('HGET', number .. 'send:' .. id, 'began:' .. attempt) or row.began)
  local known = redis.call('HMGET', campaign, 'phase', field)
  if known[1] and began > tonumber(known[2] or 0) then redis.call('HSET', campaign, field, began) end
end

-- Note a failure that Meta gave; of a stopped template the gateway may know without a post.
local function note_stop_code(number, id, row, attempt, failure)
  local code = is_of_campaign(id) and (failure or ''):match('"code": ?(%d+)')
  if not STOP_CODES[code] or failure:find(C.NOT_POSTED, 1, true) then return end
  guarded(write_stop_code, number, id, row, attempt, code)
end
