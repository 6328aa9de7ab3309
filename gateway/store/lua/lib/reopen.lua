-- Reopen: let a send begin again that Meta accepted and then reported as failed by a status, where
-- the code says that it may pass later. Its lane has gone on meanwhile, so it joins the end.
-- with: pauses, pace, lanes

local function again_at_the_end(number, now, id, row, at)
  if at > now then
    redis.call('ZADD', number .. 'due', at, id)
  else
    enqueue(number, row.rank, row.lane, id, nil, now)
  end
end

-- The failed message keeps its wamid apart, since the next one has another, and the failure.
local function forget_message(number, id, row, failure)
  local send = number .. 'send:' .. id
  redis.call('HSETNX', send, 'first_error', failure)
  redis.call('HSET', send, 'last_error', failure, 'ended:' .. row.attempts, failure)
  if row.wamid then redis.call('HSET', send, 'wamid:' .. row.attempts, row.wamid) end
  redis.call('HDEL', send, 'wamid', 'pricing')
  redis.call('ZREM', number .. 'finished', id)
end

-- The last write records that the attempt was reopened, so that the same status counts once.
local function reopened(number, id, row, failure, ...)
  forget_message(number, id, row, failure)
  raise(number, number .. 'send:' .. id, 'queued', 'reopened', row.attempts, 'reopens',
    row.reopens + 1, ...)
end

local reopen = {}

function reopen.later(number, now, id, row, wait, failure)
  if row.attempts - row.spent >= C.MAX_ATTEMPTS then return false end
  again_at_the_end(number, now, id, row, now + wait)
  track_retry(number, id)
  reopened(number, id, row, failure)
  return true
end

-- A failure whose reason is not the send's costs it none of its tries.
function reopen.rests(number, now, id, row, wait, failure)
  rest(number, now, wait)
  again_at_the_end(number, now, id, row, now)
  reopened(number, id, row, failure, 'spent', row.spent + 1)
  return true
end

function reopen.slower(number, now, id, row, wait, failure)
  slow_down(number, now)
  return reopen.rests(number, now, id, row, wait, failure)
end

function reopen.pair(number, now, id, row, wait, failure)
  rest_pair(number, now, row.lane, wait)
  track_retry(number, id)
  return reopen.rests(number, now, id, row, 0, failure)
end

function reopen.paused(number, now, id, row, wait, failure)
  pause(number, now, failure, wait, true)
  return reopen.rests(number, now, id, row, 0, failure)
end

-- The window had closed before Meta delivered: the rule says what follows.
function reopen.window(number, now, id, row, _, failure)
  local send = number .. 'send:' .. id
  local said = redis.call('HMGET', send, 'closed', 'instead')
  if said[1] == 'drop' then
    bury(number, now, id, 'dropped', failure)
    return true
  end
  if said[1] == 'template' and not said[2] then
    again_at_the_end(number, now, id, row, now)
    reopened(number, id, row, failure, 'instead', 1, 'spent', row.spent + 1)
    return true
  end
  if said[1] ~= 'wait' then return false end
  if has_written(number, send, row.lane) then return reopen.rests(number, now, id, row, 0, failure) end
  forget_message(number, id, row, failure)
  park(number, id, row, now, 'reopened', row.attempts, 'reopens', row.reopens + 1)
  return true
end

-- Return whether an attempt's failure is reported after another attempt, or a second time.
local function is_past(number, id, attempt)
  local row = redis.call('HMGET', number .. 'send:' .. id, 'attempts', 'reopened')
  return attempt ~= '' and attempt ~= row[1] or row[1] == row[2]
end

-- A late status of a failed attempt says nothing of the attempt made since. Until there is one, a
-- customer who got the message after all need not get it twice.
local function is_undone(number, id, attempt, rung)
  local row = redis.call('HMGET', number .. 'send:' .. id, 'at:failed:' .. attempt, 'attempts')
  return row[1] and not (rung > C.STATUS_RANK.failed and attempt == row[2])
end

-- Let a send begin again, if it has the time: false where it ends here. A row stays small, and a
-- send that Meta accepted and failed as often as attempts are remembered will fail once more.
local function may_begin_again(number, now, id, after, wait, failure)
  local send = number .. 'send:' .. id
  local said, row = redis.call('HMGET', send, 'expires', 'reopens'), read_send(send)
  row.reopens = tonumber(said[2] or 0)
  if tonumber(said[1]) <= now + wait or row.reopens >= C.ATTEMPTS_KEPT then return false end
  return reopen[after](number, now, id, row, wait, failure)
end
