-- Lanes: where sends wait, and what is written about them.
-- with: recipients
local SILENCE, PATIENCE = 10000, 60000
local MOST_PARKED = 100

-- A send's row, and the values of more of its fields, in the order in which they are named.
local function read_send(send, ...)
  local f = redis.call('HMGET', send, 'stage', 'rung', 'attempts', 'lane', 'rank', 'final', 'wamid',
    'call', 'spent', 'attempting_at', 'reopened', 'delivery_wait', 'rest_until', 'repeatable',
    'waiter', ...)
  if not f[1] then return nil end
  return {stage = f[1], rung = tonumber(f[2]), attempts = tonumber(f[3]), lane = f[4],
    rank = f[5], final = f[6], wamid = f[7], call = f[8], spent = tonumber(f[9] or 0),
    began = tonumber(f[10] or 0), reopened = f[11],
    delivery_wait = tonumber(f[12] or 0), rest_until = tonumber(f[13] or 0),
    repeatable = f[14] == '1', waiter = f[15]}, {unpack(f, 16)}
end

-- A request waits for what becomes of a send: wake its process. A wake-up may be lost, or refused to
-- this user; the process looks by itself, only later.
local function wake(row, id)
  if row.waiter then redis.pcall('PUBLISH', C.WAITERS .. row.waiter, id) end
end

-- Rank of each stage. What the gateway ended itself ranks like Meta's acceptance.
local function rung_of(stage)
  if stage == 'parked' then return C.STATUS_RANK.queued end
  return C.STATUS_RANK[stage] or C.STATUS_RANK.accepted
end

-- The Celery task that asked for a send (`task`) is owed its result, once: when the send is over.
local function owe_result(number, id)
  local send = number .. 'send:' .. id
  local task = redis.call('HGET', send, 'task')
  if not task then return end
  redis.call('ZADD', number .. 'results', clock(), id .. task)
  redis.call('HDEL', send, 'task')
end

-- Always the last write about a send: it shows that all before it was done.
local function raise(number, send, stage, ...)
  track(number, send:sub(#number + 6), stage, ...)
  if rung_of(stage) >= C.STATUS_RANK.accepted then owe_result(number, send:sub(#number + 6)) end
  redis.call('HSET', send, 'stage', stage, 'rung', rung_of(stage), ...)
  count(number, 'sends.' .. stage)
end

local function bury(number, now, id, stage, failure)
  local send = number .. 'send:' .. id
  -- An operator need not see a failed tick or "typing", nor what a rule dropped; a campaign's funnel
  -- shows its own.
  if stage ~= 'dropped' and not is_of_campaign(id) and redis.call('HGET', send, 'repeatable') ~= '1' then
    list_dead_send(number, id, now)
  else
    retire(number, id, now)
  end
  redis.call('ZREM', number .. 'unconfirmed', id)
  raise(number, send, stage, 'final', 1, 'error', failure)
end

-- Return whether a status reported that Meta could not deliver the attempt's message.
local function was_failed(send, row)
  return redis.call('HEXISTS', send, 'at:failed:' .. row.attempt) == 1
end

-- Return whether a send's customer may have written since its last attempt began.
local function has_written(number, send, lane)
  local _, version = contact_of(number, lane)
  return (version or '') ~= redis.call('HGET', send, 'seen')
end

-- Park a send until its customer writes again, by any name; it keeps its place. Where the limit of
-- parked sends is reached it is a dead letter: all come back at once when the customer writes.
local function park(number, id, row, now, ...)
  local parked = number .. 'parked:' .. contact_of(number, row.lane)
  if redis.call('ZCARD', parked) >= MOST_PARKED then
    leave_lane(number, row.rank, row.lane, id, now)
    return bury(number, now, id, 'dead', '{"reason":"100 messages wait for the customer to write already"}')
  end
  local key = number .. 'lane:' .. row.rank .. ':' .. row.lane
  local place = redis.call('ZSCORE', key, id) or redis.call('INCR', number .. 'places')
  redis.call('ZADD', parked, place, id)
  redis.call('ZADD', number .. 'parked', redis.call('HGET', number .. 'send:' .. id, 'expires'), id)
  leave_lane(number, row.rank, row.lane, id, now)
  redis.call('HDEL', number .. 'send:' .. id, 'parked_for')
  raise(number, number .. 'send:' .. id, 'parked', 'spent', row.spent + 1, ...)
end

-- Park a send until Meta sends its template again; it keeps its place, and its lane goes on.
local function park_for(number, template, id, row, now)
  local send = number .. 'send:' .. id
  local place = redis.call('ZSCORE', number .. 'lane:' .. row.rank .. ':' .. row.lane, id)
    or redis.call('INCR', number .. 'places')
  redis.call('SADD', number .. 'templates', template)
  redis.call('ZADD', number .. 'template:' .. template, 'NX', place, id)
  redis.call('ZADD', number .. 'parked', redis.call('HGET', send, 'expires'), id)
  leave_lane(number, row.rank, row.lane, id, now)
  raise(number, send, 'parked', 'spent', row.spent + 1, 'parked_for', template)
end

-- Take a parked send from where it waits; return the template for which it did, if any.
local function leave_parked(number, id, row)
  local template = redis.call('HGET', number .. 'send:' .. id, 'parked_for')
  if template then
    redis.call('ZREM', number .. 'template:' .. template, id)
  else
    redis.call('ZREM', number .. 'parked:' .. contact_of(number, row.lane), id)
  end
  return template
end

-- Put a send into its lane, at a position or else at the end. A send that is there already stays
-- where it is, and a lane that is ready, or waits, stays so.
local function enqueue(number, priority, lane, id, position, at)
  position = position or redis.call('INCR', number .. 'places')
  redis.call('ZADD', number .. 'lane:' .. priority .. ':' .. lane, 'NX', position, id)
  redis.call('ZADD', number .. 'ready:' .. priority, 'NX', at, lane)
end

-- Return when what waits behind a posted send may go: at once, unless it asks to be delivered first.
-- It counts from the post, so that settling it once more gives the same moment.
local function next_from(row, rung, now)
  if row.delivery_wait == 0 or rung >= C.STATUS_RANK.failed then return now end
  return math.max(now, math.min(now, row.began) + row.delivery_wait)
end

-- Meta delivered a send, read it or failed: the lane that rests behind it may go on. A lane that
-- waits for anything else since then has another moment.
local function end_rest(number, id, row, now)
  if row.rest_until <= now then return end
  local ready = number .. 'ready:' .. row.rank
  if tonumber(redis.call('ZSCORE', ready, row.lane) or 0) ~= row.rest_until then return end
  redis.call('HSET', number .. 'send:' .. id, 'rest_ended', now)
  redis.call('ZADD', ready, now, row.lane)
end

-- The customer wrote: parked sends may go, before those planned now.
local function unpark(number, contact, now)
  local parked = number .. 'parked:' .. contact
  for _, id in ipairs(redis.call('ZRANGE', parked, 0, MOST_PARKED - 1)) do
    local send = number .. 'send:' .. id
    local row = read_send(send)
    if row and row.stage == 'parked' then
      enqueue(number, row.rank, row.lane, id, redis.call('ZSCORE', parked, id), now)
      raise(number, send, 'queued')
    end
    redis.call('ZREM', number .. 'parked', id)
    redis.call('ZREM', parked, id)
  end
end
