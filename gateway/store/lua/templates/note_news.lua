-- note_news: record one fact about a template that has changed.
-- KEYS  1 the registry's prefix
-- ARGV  1 the template, 2 the fact, 3 since when in ms ("" for what Meta has just shown), 4 the
--       news, 5 the word of a status ("" for another fact), 6 for how many ms sends of it wait, -1
--       until it changes, 0 if they do not wait, 7 most news
-- Returns 1 if it was recorded, 0 where something newer is known, -1 where there is no room.
local SLACK = 60000 -- by so much Meta's clock and ours may differ
local registry, template = KEYS[1], ARGV[1]
local now = clock()
local field = ARGV[2] .. ' ' .. template
local known = redis.call('HGET', registry .. 'news', field)
local known_at = known and tonumber(known:match('^(%d+)|')) or 0
local began = tonumber(redis.call('HGET', registry .. 'state', 'began') or 0)
-- What Meta has just shown counts now, and any webhook that may be newer counts after it.
local at = tonumber(ARGV[3]) or math.max(known_at, now - SLACK)
if tonumber(ARGV[3]) and at < math.max(known_at, began - SLACK) then return 0 end
-- Meta's times are seconds, and a delivery over which a worker died comes late: of two statuses of one
-- second the one counts with which it is sent. If that is wrong, Meta's refusal of a send shows it.
if known and tonumber(ARGV[3]) and at == known_at and ARGV[5] ~= '' and tonumber(ARGV[6]) ~= 0
  and redis.call('HEXISTS', registry .. 'stopped', template) == 0 then
  return 0
end
if not known and redis.call('HLEN', registry .. 'news') >= tonumber(ARGV[7]) then
  return -1
end
-- First of all, so that processes look at whatever a failure may leave.
redis.call('HINCRBY', registry .. 'state', 'version', 1)
if ARGV[5] ~= '' then
  local wait = tonumber(ARGV[6])
  redis.call('HSET', registry .. 'words', template, ARGV[5])
  if wait == 0 then
    redis.call('HDEL', registry .. 'stopped', template)
  else
    redis.call('HSET', registry .. 'stopped', template, string.format('%.0f', wait < 0 and 0 or now + wait))
  end
end
-- Last: the news show that all before it was done.
redis.call('HSET', registry .. 'news', field, string.format('%.0f|%.0f|', at, now) .. ARGV[4])
return 1
