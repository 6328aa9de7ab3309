-- settle_forwards: record how attempts to post forwards to one receiver ended, and what follows.
-- with: forwards, attempts
-- KEYS  1 the number's prefix
-- ARGV  1 receiver, 2 for how many ms one that was received can be read,
--       3 "up" if the receiver answered, "down" if it did not, "" if nothing is known of it,
--       4 for how many ms it gets nothing if it is down, 5 after how many failures in a row,
--       then sixes: id, attempt (0 for whichever), "delivered", "later", "dead" or "gone", wait in ms,
--       the reason in words, the copy of what was posted (of a dead one)
-- Returns how many ended. An answer is a fact, whoever brings it and however late: what was received
-- is received. "gone" ends one whose event is no longer stored, since its customer was erased.
local number, receiver, health = KEYS[1], ARGV[1], ARGV[3]
local now = clock()
local queue = forwards_of(number, receiver)
local ended = 0

local function settle(id, attempt, step, wait, reason, copy)
  local key = forward_key(number, id)
  local row = read_forward(number, id)
  if not row or row.stage == 'delivered' then return end
  end_attempt(key, attempt, reason)
  if step == 'delivered' then
    deliver_forward(number, now, id, row, ARGV[2])
    ended = ended + 1
  elseif row.stage ~= 'waiting' or (attempt > 0 and row.attempts ~= attempt) then
    return
  elseif step == 'dead' then
    bury_forward(number, now, id, row, reason, copy)
    ended = ended + 1
  elseif step == 'gone' then
    leave_forwards(number, now, id, row)
    redis.call('DEL', key)
    ended = ended + 1
  else
    redis.call('ZADD', queue .. ':ready', 'XX', now + wait, row.lane)
  end
end

for i = 6, #ARGV, 6 do
  settle(ARGV[i], tonumber(ARGV[i + 1]), ARGV[i + 2], tonumber(ARGV[i + 3]), ARGV[i + 4], ARGV[i + 5])
end

if tonumber(ARGV[7] or 0) > 0 then redis.call('HDEL', queue, 'tried_until') end
if health == 'up' then
  redis.call('HDEL', queue, 'failures', 'open_until', 'down_since')
elseif health == 'down' then
  redis.call('HSETNX', queue, 'down_since', now)
  if redis.call('HINCRBY', queue, 'failures', 1) >= tonumber(ARGV[5]) then
    redis.call('HSET', queue, 'open_until', now + ARGV[4])
  end
end
wake_receiver(number, receiver, now)
return ended
