-- Settle: record what became of a send after an attempt.
-- Facts are never fenced: any process that learned an outcome records it, and it can only raise the
-- rung. Only the latest attempt (`open`) decides what happens next to the lane.
-- with: pauses, pace, lanes, unreachable, stop_codes
local settle = {}

local function open(row, below)
  return row.latest and not row.final and row.rung < below
end

-- It ended, or began again since: settling it once more changes nothing.
local function is_over(row)
  return row.final or row.rung >= C.STATUS_RANK.accepted or row.reopened == row.attempt
end

-- A refusal whose reason is not the send's costs it none of its tries.
local function again(number, now, send, row, wait, ...)
  redis.call('ZADD', number .. 'ready:' .. row.rank, now + wait, row.lane)
  raise(number, send, 'queued', 'spent', row.spent + 1, ...)
end

-- A lane remembers a limited number of unconfirmed sends. Those that are over make room.
local function has_room(number, doubts)
  if redis.call('SCARD', doubts) < MOST_DOUBTS then return true end
  for _, id in ipairs(redis.call('SRANDMEMBER', doubts, MOST_DOUBTS)) do
    if redis.call('HGET', number .. 'send:' .. id, 'stage') ~= 'unconfirmed' then
      redis.call('SREM', doubts, id)
    end
  end
  return redis.call('SCARD', doubts) < MOST_DOUBTS
end

-- Where a lane has no room for one more, it is not repeated, but left to the operator.
local function doubt(number, now, id, send, row, till)
  local doubts = number .. 'doubts:' .. row.rank .. ':' .. row.lane
  if has_room(number, doubts) then
    redis.call('SADD', doubts, id)
    redis.call('PEXPIRE', doubts, 2 * C.DAY_MS)
  else
    redis.call('HSET', send, 'overtaken', 1)
  end
  redis.call('ZADD', number .. 'unconfirmed', till, id)
  local from = math.max(now + SILENCE, next_from(row, C.STATUS_RANK.unconfirmed, now))
  redis.call('ZADD', number .. 'ready:' .. row.rank, from, row.lane)
  raise(number, send, 'unconfirmed', 'doubted', now)
end

-- Meta limits to how many customers conversations are begun in 24 hours. Whom a message reached whose
-- window was closed is counted by the hour, each customer once.
local REACHED_FOR, HOUR = 26 * 3600000, 3600000
local function note_reached(number, now, customer)
  local key = string.format('%sreached:%.0f', number, math.floor(now / HOUR))
  if redis.call('PFADD', key, customer) == 1 then redis.call('PEXPIRE', key, REACHED_FOR) end
end

function settle.accepted(number, now, id, send, row, wamid, is_outreach)
  -- A status has reported since that Meta could not deliver it: the send ended or began again.
  if was_failed(send, row) then return end
  if is_outreach == 1 then note_reached(number, now, row.lane) end
  learn_wamid(number, id, row.wamid, wamid)
  overtake(number, row.rank, row.lane, id)
  redis.call('ZREM', number .. 'unconfirmed', id)
  redis.call('ZREM', number .. 'due', id)
  if not row.final then retire(number, id, now + C.DAY_MS, row.repeatable) end
  leave_lane(number, row.rank, row.lane, id, now, next_from(row, row.rung, now))
  if not row.final and row.rung < C.STATUS_RANK.accepted then raise(number, send, 'accepted') end
end

function settle.later(number, now, id, send, row, _, wait)
  if not open(row, C.STATUS_RANK.accepted) then return end
  if wait <= PATIENCE then
    redis.call('ZADD', number .. 'ready:' .. row.rank, now + wait, row.lane)
  else
    -- The conversation need not wait that long: the next send may go.
    redis.call('ZADD', number .. 'due', now + wait, id)
    leave_lane(number, row.rank, row.lane, id, now)
  end
  track_retry(number, id)
  raise(number, send, 'queued')
end

-- It is quiet for the customer. The send waits beside its lane, and that costs it none of its tries.
function settle.postponed(number, now, id, send, row, _, wait)
  if not open(row, C.STATUS_RANK.accepted) then return end
  redis.call('ZADD', number .. 'due', now + wait, id)
  leave_lane(number, row.rank, row.lane, id, now)
  track_retry(number, id)
  raise(number, send, 'queued', 'spent', row.spent + 1)
end

-- The number has to wait, and the send with it.
function settle.rests(number, now, _, send, row, _, wait)
  rest(number, now, wait)
  if open(row, C.STATUS_RANK.accepted) then again(number, now, send, row, 0) end
end

-- The number sent too fast.
function settle.slower(number, now, id, send, row, wamid, wait)
  slow_down(number, now)
  settle.rests(number, now, id, send, row, wamid, wait)
end

-- Only this conversation has to wait, with either priority and for as long as it takes.
function settle.pair(number, now, id, send, row, _, wait)
  rest_pair(number, now, row.lane, wait)
  if not open(row, C.STATUS_RANK.accepted) then return end
  local refused = tonumber(redis.call('HGET', send, 'pair_refusals') or 0)
  track_retry(number, id)
  again(number, now, send, row, wait, 'pair_refusals', refused + 1)
end

-- The number sends nothing until the operator has fixed something. A send that pauses it again,
-- though others were accepted in between, is at fault itself.
function settle.paused(number, now, id, send, row, _, wait, failure)
  pause(number, now, failure, wait)
  if not open(row, C.STATUS_RANK.accepted) then return end
  local before = tonumber(redis.call('HGET', send, 'paused_at') or 0)
  local resumed = tonumber(redis.call('HGET', number .. 'stops', 'resumed_at') or 0)
  if before > 0 and before < resumed then return settle.dead(number, now, id, send, row, '', 0, failure) end
  again(number, now, send, row, 0, 'paused_at', now)
end

-- The customer has been silent for 24 hours, and the rule has a template for that.
function settle.instead(number, now, _, send, row)
  if open(row, C.STATUS_RANK.accepted) then again(number, now, send, row, 0, 'instead', 1) end
end

-- The customer has to write first. If they did since, the send is judged once more.
function settle.parked(number, now, id, send, row)
  if not open(row, C.STATUS_RANK.accepted) then return end
  if has_written(number, send, row.lane) then return again(number, now, send, row, 0) end
  park(number, id, row, now)
end

-- Meta has stopped the template that it sends. Other sends of the conversation go on.
function settle.stopped(number, now, id, send, row, _, _, failure)
  if not open(row, C.STATUS_RANK.accepted) then return end
  park_for(number, cjson.decode(failure).template, id, row, now)
end

function settle.unconfirmed(number, now, id, send, row, _, till)
  if open(row, C.STATUS_RANK.unconfirmed) then doubt(number, now, id, send, row, till) end
end

function settle.dead(number, now, id, _, row, _, _, failure)
  if is_over(row) then return end
  note_unreachable(number, now, row.lane, failure)
  leave_lane(number, row.rank, row.lane, id, now)
  bury(number, now, id, 'dead', failure)
end

function settle.dropped(number, now, id, _, row, _, _, failure)
  if is_over(row) then return end
  note_unreachable(number, now, row.lane, failure)
  leave_lane(number, row.rank, row.lane, id, now)
  bury(number, now, id, 'dropped', failure)
end
