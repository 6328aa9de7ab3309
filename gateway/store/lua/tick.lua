-- tick: move what is due of one number, at most 1,000 items.
-- KEYS  1 the number's prefix
-- ARGV  1 most items
-- Returns {moved, timers as {id, row, ...}, overdue ms of the oldest ready lane per rank, how many
-- sends are unconfirmed}.
local number = KEYS[1]
local now = clock()
local most = tonumber(ARGV[1])

local due = redis.call('ZRANGEBYSCORE', number .. 'due', '-inf', now, 'LIMIT', 0, most)
for _, id in ipairs(due) do
  local row = redis.call('HMGET', number .. 'send:' .. id, 'lane', 'rank', 'final', 'rung')
  if row[1] and not row[3] and tonumber(row[4]) < 2 then
    local place = redis.call('INCR', number .. 'places')
    redis.call('ZADD', number .. 'lane:' .. row[2] .. ':' .. row[1], 'NX', place, id)
    redis.call('ZADD', number .. 'ready:' .. row[2], 'NX', now, row[1])
  end
  redis.call('ZREM', number .. 'due', id)
end

-- Evidence can come until a send expires; after that a person decides.
local lost = redis.call('ZRANGEBYSCORE', number .. 'unconfirmed', '-inf', now, 'LIMIT', 0, most)
for _, id in ipairs(lost) do
  local send = number .. 'send:' .. id
  if redis.call('HGET', send, 'stage') == 'unconfirmed' then
    redis.call('PEXPIRE', send, 30 * DAY)
    redis.call('ZADD', number .. 'dead', now, 'send:' .. id)
    redis.call('HSET', send, 'stage', 'dead', 'final', 1, 'error',
      '{"reason":"unconfirmed: nobody knows whether Meta had it"}')
    count(number, 'sends.dead')
  end
  redis.call('ZREM', number .. 'unconfirmed', id)
end

local timers = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', number .. 'timers', '-inf', now, 'LIMIT', 0, most)) do
  timers[#timers + 1] = id
  timers[#timers + 1] = redis.call('HGET', number .. 'timer', id) or ''
end

-- No lane is told to wait for longer than this: a moment beyond it was given by a clock that
-- stepped back since.
local LONGEST = 60000
local overdue = {}
for i, rank in ipairs({'reply', 'bulk'}) do
  local ready = number .. 'ready:' .. rank
  for _, lane in ipairs(redis.call('ZRANGEBYSCORE', ready, now + LONGEST + 1, '+inf', 'LIMIT', 0, most)) do
    redis.call('ZADD', ready, now + LONGEST, lane)
  end
  local head = redis.call('ZRANGE', ready, 0, 0, 'WITHSCORES')
  overdue[i] = head[2] and math.max(-1, now - tonumber(head[2])) or -1
end
return {#due + #lost, timers, overdue, redis.call('ZCARD', number .. 'unconfirmed')}
