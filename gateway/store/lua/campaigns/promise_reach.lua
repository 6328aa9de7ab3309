-- promise_reach: promise a campaign a part of the reach that its numbers have left.
-- KEYS  1 the prefix of all that belongs to campaigns
-- ARGV  1 campaign, 2 name of the promise, 3 how many recipients are queued or in hand, 4 how many
--       customers may still be reached, 5 for how many it asks, 6 for how many ms a promise counts,
--       7 the turn that was read before all these counts,
--       then of each other running campaign its id, and how many of its recipients are queued or in hand
-- Returns {for how many it may queue, until when in ms}, or {-1, 0} where a promise was made or ended
-- since: then the counts may lack what it was for, and are to be read again.
-- Of workers that lead one campaign each has a promise of its own, for the same recipients.
local promised, now = KEYS[1] .. 'promised', clock()
local own, left, wanted, lasts = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
if (redis.call('HGET', promised, 'turn') or '') ~= ARGV[7] then return {-1, 0} end

-- A promise holds how many are queued, in hand or about to be queued. One whose worker died ends by
-- itself; one further away than any can be was made by a clock that stepped back since.
local by_campaign, all = {}, redis.call('HGETALL', promised)
for i = 1, #all, 2 do
  local id, count, till = all[i]:match('^[^/]+'), all[i + 1]:match('^(%d+) (%d+)$')
  if count and tonumber(till) > now and tonumber(till) <= now + lasts then
    by_campaign[id] = math.max(by_campaign[id] or 0, tonumber(count))
  elseif id ~= 'turn' then
    redis.call('HDEL', promised, all[i])
  end
end

local room = left - own
for i = 8, #ARGV, 2 do
  room = room - math.max(tonumber(ARGV[i + 1]), by_campaign[ARGV[i]] or 0)
end
local granted, till = math.max(0, math.min(room, wanted)), now + lasts
if granted > 0 then
  local name = ARGV[1] .. '/' .. ARGV[2]
  redis.call('HSET', promised, name, string.format('%.0f %.0f', own + granted, till), 'turn', name)
  redis.call('PEXPIRE', promised, 60 * lasts)
end
return {granted, till}
