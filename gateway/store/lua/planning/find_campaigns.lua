-- find_campaigns: find of which campaigns customers answer a message; it writes nothing.
-- on demand: newest_campaigns
-- KEYS  1 the number's prefix
-- ARGV  1 for how many seconds an answer is looked for, 2 in how many campaigns, the newest first; then
--       for each event when it happened in seconds, the wamid that it quotes or "", how many names
--       the customer has, these
-- Returns for each event {send, campaign, its name, when it was queued in seconds, 1 where it is
-- quoted}, or false. Where the number has written to nobody for a campaign lately it is empty.
local number = KEYS[1]
local ids = guarded(redis.call, 'ZREVRANGE', number .. 'campaigned', 0, ARGV[2] - 1)
if not ids or #ids == 0 then return {} end

local newest = load_newest_campaigns()
local campaigns = guarded(newest.read, number, ids)
if not campaigns then return {} end

local function find(names, wamid, event_s)
  return newest.find(number, campaigns, newest.names(number, names), wamid, event_s, tonumber(ARGV[1]))
end

local found, at = {}, 3
while at <= #ARGV do
  local names, last = {}, at + 2 + ARGV[at + 2]
  for i = at + 3, last do names[#names + 1] = ARGV[i] end
  -- What cannot be read answers no campaign.
  found[#found + 1] = guarded(find, names, ARGV[at + 1], tonumber(ARGV[at])) or false
  at = last + 1
end
return found
