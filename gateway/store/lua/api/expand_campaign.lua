-- expand_campaign: queue the next recipients of a campaign, as many as its pace and its lead allow.
-- with: planned_sends, recipients_by_contact
-- KEYS  1 the number's prefix
-- ARGV  1 campaign, 2 how many were queued or passed so far, 3 messages a second, 4 how many may be
--       queued, 5 the field that counts them: "next", or that of a zone group, 6 the campaign's name;
--       then for each recipient in order six: send, lane ("" for one who is passed), expiry in ms,
--       what follows a closed window, or the cell of one who is passed, rule, row
-- Returns {how many were queued or passed, the phase}.
-- The counts are the last write: whoever repeats the call finds what was done, since each
-- send's id is that of its recipient.
local number, now = KEYS[1], clock()
local FIRST = 7
local campaign = number .. 'campaign:' .. ARGV[1]
local read = redis.call('HMGET', campaign, 'phase', ARGV[5], 'tokens', 'at', 'cell:queued', 'next')
if read[1] ~= 'running' or (read[2] or '0') ~= ARGV[2] then return {0, read[1] or ''} end

-- A tick may come late, so two seconds' worth may be caught up with.
local pace = tonumber(ARGV[3])
local earned = math.max(0, now - tonumber(read[4] or now)) / 1000 * pace
local tokens = math.min(math.max(1, 2 * pace), tonumber(read[3] or math.max(1, pace)) + earned)
local room = tonumber(ARGV[4]) - tonumber(read[5] or 0)
local count_given = (#ARGV - FIRST + 1) / 6
local taken = math.max(0, math.min(math.floor(tokens), room, count_given))

local place = redis.call('INCR', number .. 'places')
local buckets = buckets_by_contact(campaign)
local function queue(i)
  local at = FIRST + (i - 1) * 6
  local id, lane = ARGV[at], ARGV[at + 1]
  local _, row = campaign_of(number, id)
  local is_claimed = read_recipient(campaign, row) ~= 0
  if lane == '' then return is_claimed or move_recipient(number, id, ARGV[at + 3]) end
  local stage = redis.call('HGET', number .. 'send:' .. id, 'stage')
  -- A stage `new` says that a call failed in the middle of this one.
  if is_claimed and stage ~= 'new' then return end
  if not stage or stage == 'new' then
    write_planned(number, now, id, lane, 'bulk', ARGV[at + 2], '', ARGV[at + 3], ARGV[at + 4], ARGV[at + 5])
  end
  note_recipient_by_contact(campaign, buckets, lane, row, now)
  push_planned(number, now, id, lane, 'bulk', 0, place + i / (count_given + 1))
end
for i = 1, taken do queue(i) end
if taken > 0 then note_campaign(number, ARGV[1], now) end
redis.call('HSET', campaign, 'next', tonumber(read[6] or 0) + taken,
  ARGV[5], tonumber(ARGV[2]) + taken, 'tokens', tokens - taken, 'at', now, 'name', ARGV[6])
return {taken, read[1]}
