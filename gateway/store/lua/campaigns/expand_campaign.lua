-- expand_campaign: queue the next recipients of a campaign, as many as its pace and its lead allow.
-- with: planned_sends, recipients_by_contact
-- KEYS  1 the number's prefix
-- ARGV  1 campaign, 2 how many were queued or passed so far, 3 messages a second, 4 how many may be
--       queued, 5 the field that counts them: "next", or that of a zone group, 6 the campaign's name,
--       7 until when in ms they may be queued, 0 for no end; then for each recipient in order six: send, lane ("" for one who is passed), expiry in ms,
--       what follows a closed window, or the cell of one who is passed, rule, or Meta's code as
--       JSON for which one is passed, row
-- Returns {how many were queued or passed, the phase, how many of them were queued}. Who is passed costs
-- neither pace nor room.
-- The counts are the last write: whoever repeats the call finds what was done, since each
-- send's id is that of its recipient.
local number, now = KEYS[1], clock()
local FIRST, till = 8, tonumber(ARGV[7])
local campaign = number .. 'campaign:' .. ARGV[1]
local read = redis.call('HMGET', campaign, 'phase', ARGV[5], 'tokens', 'at', 'cell:queued', 'next', 'ready_at')
if read[1] ~= 'running' or (read[2] or '0') ~= ARGV[2] then return {0, read[1] or '', 0} end
if till > 0 and now >= till then return {0, read[1], 0} end

-- A tick may come late, so two seconds' worth may be caught up with.
local pace = tonumber(ARGV[3])
local earned = math.max(0, now - tonumber(read[4] or now)) / 1000 * pace
local tokens = math.min(math.max(1, 2 * pace), tonumber(read[3] or math.max(1, pace)) + earned)
local room = tonumber(ARGV[4]) - tonumber(read[5] or 0)
local count_given = (#ARGV - FIRST + 1) / 6
local function lane_at(i) return ARGV[FIRST + (i - 1) * 6 + 1] end
local left = math.max(0, math.min(math.floor(tokens), room))
local taken, queued = 0, 0
for i = 1, count_given do
  local costs = lane_at(i) ~= '' and 1 or 0
  if queued + costs > left then break end
  taken, queued = i, queued + costs
end

-- Each goes at its moment of the pace, so that a second's worth does not go at once and replies find
-- room; up to a tenth of a second early, since workers look as often.
local EACH, EARLY = 1000 / pace, 100
local ready_at = math.min(math.max(now, tonumber(read[7] or 0)), now + 2000)
local function ready_from(i)
  return math.floor(math.max(now, ready_at + (i - 1) * EACH - EARLY))
end

local place = redis.call('INCR', number .. 'places')
local buckets = buckets_by_contact(campaign)
local function id_at(i) return ARGV[FIRST + (i - 1) * 6] end
local rows = {}
for i = 1, taken do rows[i] = select(2, campaign_of(number, id_at(i))) end
local is_claimed = claimed_among(campaign, rows)

local planned = new_queue()
local function queue(i, nth)
  local at, id, row, lane = FIRST + (i - 1) * 6, id_at(i), rows[i], lane_at(i)
  if lane == '' then
    return is_claimed(row) or move_recipient(number, id, ARGV[at + 3], ARGV[at + 4], false, true)
  end
  local stage = redis.call('HGET', number .. 'send:' .. id, 'stage')
  -- A stage `new` says that a call failed in the middle of this one.
  if is_claimed(row) and stage ~= 'new' then return end
  -- Two names in a file may be those of one customer, who gets it once.
  local other = guarded(find_by_contact, campaign, buckets, lane)
  if other and other ~= row then return move_recipient(number, id, 'not_needed') end
  note_recipient_by_contact(campaign, buckets, lane, row, now)
  if stage and stage ~= 'new' then return end
  write_planned(number, now, id, lane, 'bulk', ARGV[at + 2], '', ARGV[at + 3], ARGV[at + 4], ARGV[at + 5])
  place_send(planned, number, now, id, lane, 'bulk', 0, place + i / (count_given + 1), ready_from(nth))
end
local nth = 0
for i = 1, taken do
  if lane_at(i) ~= '' then nth = nth + 1 end
  queue(i, nth)
end
queue_sends(planned, number)
if queued > 0 then note_campaign(number, ARGV[1], now) end
redis.call('HSET', campaign, 'next', tonumber(read[6] or 0) + taken,
  ARGV[5], tonumber(ARGV[2]) + taken, 'tokens', tokens - queued, 'at', now, 'ready_at', ready_at + queued * EACH,
  'name', ARGV[6])
return {taken, read[1], queued}
