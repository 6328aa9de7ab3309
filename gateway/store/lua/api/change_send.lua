-- change_send: cancel a send, or move it to another time, while nothing was attempted; a parked one
-- can be cancelled as well. Withdraw one of which Meta has nothing, or let it expire. Let one that is
-- not over expire at another time, or only forget its request, so that the same request asks for
-- another send.
-- with: lanes
-- KEYS  1 the number's prefix
-- ARGV  1 id, 2 "cancel", "move", "withdraw", "expire", "prolong" or "forget",
--       3 the new time in ms, 4 the new expiry in ms,
--       5 for "withdraw" and "forget" the name of the request's idempotency row, or ""
-- Returns "done", "" for an unknown send, or the stage that forbids it; for a move also "due" where
-- the send no longer waits for its time. Repeating it finishes what a failure left undone.
local number, now, id = KEYS[1], clock(), ARGV[1]
local send = number .. 'send:' .. id
local WAITS = {new = true, queued = true, parked = true, cancelled = true}

-- A send of which no attempt began gave its lane no moment: a rest behind an earlier one goes on.
local function leave_unattempted(rank, lane)
  local key = number .. 'lane:' .. rank .. ':' .. lane
  redis.call('ZREM', key, id)
  if redis.call('EXISTS', key) == 0 then redis.call('ZREM', number .. 'ready:' .. rank, lane) end
end

-- Meta has nothing of a parked send, though an attempt of it was begun or refused; of a reopened one
-- a late status may say otherwise.
local function may_change(row)
  if row.attempts == 0 then return WAITS[row.stage] end
  return row.stage == 'cancelled' or row.stage == 'parked' and not row.reopened
end

-- Every attempt of a send that is queued again was refused; unless one was in doubt, Meta has nothing.
local function may_withdraw(row)
  if may_change(row) then return true end
  return row.stage == 'queued' and not row.reopened and redis.call('HEXISTS', send, 'doubted') == 0
end

local function forget(name)
  local known = number .. 'idempotent:' .. name
  local before = name ~= '' and redis.call('GET', known)
  if before and before:sub(1, C.ID_LENGTH) == id then redis.call('DEL', known) end
end

local function leave(row, stage, reason)
  retire(number, id, now + C.DAY_MS)
  -- It is over from here on: whoever finds it elsewhere passes it.
  if row.stage ~= stage then
    raise(number, send, stage, 'final', 1, 'ended_at', now, 'error', cjson.encode({reason = reason}))
  end
  redis.call('ZREM', number .. 'due', id)
  if redis.call('ZREM', number .. 'parked', id) == 1 then
    leave_parked(number, id, row)
  end
  leave_unattempted(row.rank, row.lane)
end

local function cancel(row)
  leave(row, 'cancelled', 'cancelled')
end

-- A repeated request is known until a day after the send is due.
local function prolong(due)
  local known = redis.call('HGET', send, 'idempotent')
  if not known then return end
  local key, lives = number .. 'idempotent:' .. known, due - now + C.DAY_MS
  if redis.call('PTTL', key) < lives then redis.call('PEXPIRE', key, lives) end
end

local function move(due, expires)
  if not redis.call('ZSCORE', number .. 'due', id) then return 'due' end
  prolong(tonumber(due))
  redis.call('HSET', send, 'expires', expires, 'due', due)
  redis.call('ZADD', number .. 'due', 'XX', due, id)
  return 'done'
end

local function prolong_life(row, expires)
  if row.final then return row.stage end
  redis.call('ZADD', number .. 'parked', 'XX', expires, id)
  redis.call('HSET', send, 'expires', expires)
  return 'done'
end

if ARGV[2] == 'forget' then
  forget(ARGV[5])
  return 'done'
end
local row = read_send(send)
if not row then return '' end
if ARGV[2] == 'withdraw' then
  if not may_withdraw(row) then return row.stage end
  cancel(row)
  -- Last: before it, the same request finds a send that is cancelled, and makes no second one.
  forget(ARGV[5])
  return 'done'
end
if ARGV[2] == 'prolong' then return prolong_life(row, ARGV[4]) end
if ARGV[2] == 'expire' then
  if row.stage ~= 'expired' and not may_withdraw(row) then return row.stage end
  leave(row, 'expired', 'expired before it could be sent')
  return 'done'
end
if not may_change(row) then return row.stage end
if ARGV[2] == 'move' then
  return row.stage == 'cancelled' and row.stage or move(ARGV[3], ARGV[4])
end
cancel(row)
return 'done'
