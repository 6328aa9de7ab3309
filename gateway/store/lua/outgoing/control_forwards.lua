-- control_forwards: pause or resume a receiver, queue forwards for it, or what is no event of the
-- inbox, let a dead one begin again, let some wait with copies of their own, or erase some.
-- with: forwards
-- KEYS  1 the number's prefix
-- ARGV  1 "pause", "resume", "queue", "queue_copy", "redrive", "detach" or "erase", 2 receiver ("" of `erase`), then
--       queue    fives: id, place, contact, lane, size
--       queue_copy  id, copy of what is posted, size
--       redrive  id, moment of its death
--       detach   pairs: id, copy of what is posted
--       erase    ids
-- Returns how many were changed.
local number, what, receiver = KEYS[1], ARGV[1], ARGV[2]
local now = clock()
local queue = forwards_of(number, receiver)
local control = {}

function control.pause()
  note_receiver(number, receiver)
  return redis.call('HSETNX', queue, 'paused', now)
end

function control.resume()
  wake_receiver(number, receiver, now)
  redis.call('HDEL', queue, 'failures', 'open_until', 'down_since', 'tried_until')
  return redis.call('HDEL', queue, 'paused')
end

function control.queue()
  local queued = 0
  local place = redis.call('INCR', number .. 'places')
  for i = 3, #ARGV, 5 do
    local id = ARGV[i]
    write_forward(number, now, id, receiver, ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4])
    local is_new = redis.call('HGET', forward_key(number, id), 'stage') == 'new'
    announce_forward(number, now, id, place + i / (#ARGV + 1))
    if is_new then
      leave_dead_forwards(number, id)
      queued = queued + 1
    end
  end
  return queued
end

-- It refers to no delivery, and waits for no other. What was queued before stays as it is, also once
-- it is over.
function control.queue_copy()
  local id = ARGV[3]
  local key = forward_key(number, id)
  if (redis.call('HGET', key, 'stage') or 'new') ~= 'new' then return 0 end
  write_forward(number, now, id, receiver, '', '', '', ARGV[5])
  keep_copy(number, id, ARGV[4])
  announce_forward(number, now, id, redis.call('INCR', number .. 'places'))
  return 1
end

-- It goes to the place that it had, before what its contact has had since.
function control.redrive()
  local id = ARGV[3]
  local row, key = read_forward(number, id), forward_key(number, id)
  if not row then return 0 end
  if row.stage == 'waiting' then
    leave_dead_forwards(number, id)
    return 0
  end
  local died = redis.call('ZSCORE', number .. 'dead', 'forward:' .. id)
  if row.stage ~= 'dead' or not row.copy or row.copy == '' or tonumber(died) ~= tonumber(ARGV[4]) then return 0 end
  redis.call('PERSIST', key)
  redis.call('HSET', key, 'planned', now)
  enqueue_forward(number, now, id, row, redis.call('HGET', key, 'order') or 0)
  redis.call('HSET', key, 'stage', 'waiting')
  leave_dead_forwards(number, id)
  count(number, 'forwards.redriven')
  return 1
end

-- They refer to no delivery any more, so trimming passes it; all else of them stays.
function control.detach()
  local detached = 0
  for i = 3, #ARGV, 2 do
    local row = read_forward(number, ARGV[i])
    if row and row.stage == 'waiting' then
      if not row.copy then redis.call('HSET', forward_key(number, ARGV[i]), 'copy', ARGV[i + 1]) end
      detached = detached + redis.call('ZREM', queue .. ':kept', ARGV[i])
    end
  end
  return detached
end

-- One that is being posted is received at most, and nothing of it is stored again.
function control.erase()
  local erased = 0
  for i = 3, #ARGV do
    local row = read_forward(number, ARGV[i])
    if row and row.lane then
      leave_dead_forwards(number, ARGV[i])
      leave_forwards(number, now, ARGV[i], row)
      redis.call('DEL', forward_key(number, ARGV[i]))
      erased = erased + 1
    end
  end
  return erased
end

return control[what]()
