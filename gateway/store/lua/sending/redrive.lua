-- redrive: let a dead send begin again, at the end of its lane.
-- with: lanes
-- Its attempts keep counting, since Meta's statuses name them; `spent` is how many of them were
-- made before, and do not count against its tries.
-- KEYS  1 the number's prefix
-- ARGV  1 send, 2 how often it was redriven, 3 how many fields its row has, 4 lifetime in ms
-- Returns 1 when done, 0 where it changed since it was read: another call was faster, or a status
-- of it came.
--
-- It is queued while it is still final, and a pump would only remove it. The one write that makes
-- it true is the RENAME of a copy; if the script dies after that, its repetition removes the dead
-- letter.
local number, id, times = KEYS[1], ARGV[1], tonumber(ARGV[2])
local now = clock()
local send, copy, letter = number .. 'send:' .. id, number .. 'redrive:' .. id, 'send:' .. id
if not redis.call('ZSCORE', number .. 'dead', letter) then return 0 end

local row = redis.call('HMGET', send, 'final', 'redriven', 'attempts', 'lane', 'rank', 'wamid',
  'error', 'stage')
local before = tonumber(row[2] or 0)
if not row[1] and before == times + 1 then
  if row[8] == 'queued' then redis.call('ZREM', number .. 'finished', id) end
  redis.call('ZREM', number .. 'dead', letter)
  return 1
end
if not row[1] or before ~= times or redis.call('HLEN', send) ~= tonumber(ARGV[3]) then return 0 end

redis.call('COPY', send, copy, 'REPLACE')
-- The failed message keeps its wamid apart, since the next one has another.
if row[6] then redis.call('HSET', copy, 'wamid:' .. row[3], row[6]) end
if row[7] then
  redis.call('HSETNX', copy, 'first_error', row[7])
  redis.call('HSET', copy, 'ended:' .. row[3], row[7])
end
-- Earlier refusals do not count against the new attempts, nor do statuses of what ended.
redis.call('HDEL', copy, 'final', 'error', 'wamid', 'pricing', 'paused_at', 'pair_refusals', 'reopens')
redis.call('HSET', copy, 'stage', 'queued', 'rung', C.STATUS_RANK.queued, 'expires', now + tonumber(ARGV[4]),
  'redriven', times + 1, 'spent', row[3], 'reopened', row[3], 'at:redriven:' .. row[3], now)

enqueue(number, row[5], row[4], id, nil, now)
redis.call('RENAME', copy, send)
redis.call('ZREM', number .. 'finished', id)
redis.call('ZREM', number .. 'dead', letter)
count(number, 'sends.redriven')
return 1
