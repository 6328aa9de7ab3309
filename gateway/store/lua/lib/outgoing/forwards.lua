-- Forwards: events that wait to be handed on to a receiver, each a row that refers to its delivery.
-- `forwards` has the receivers, by the moment at which one has something to do; `forwards:<receiver>`
-- its state. Its forwards that wait are in `:waiting`, by the moment of their plan, and in `:kept`,
-- by the moment at which their deliveries were kept: the earliest holds back trimming. `:ready` has
-- lanes by the moment of the next attempt. A lane is a contact's; `=<id>` is that of one forward
-- alone. An attempt moves its lane to the end of its lease, so that what a dead worker had in hand is
-- due again by itself.
local MOST_DEAD_FORWARDS = 10000

local function forward_key(number, id)
  return number .. 'forward:' .. id
end

local function forwards_of(number, receiver)
  return number .. 'forwards:' .. receiver
end

-- Which receivers there are is known before anything of theirs is stored.
local function note_receiver(number, receiver)
  redis.call('ZADD', number .. 'forwards', 'NX', '+inf', receiver)
end

-- Write a forward to which nothing points yet; one that waits or is being posted stays as it is.
local function write_forward(number, now, id, receiver, place, contact, lane, size)
  local key = forward_key(number, id)
  local stage = redis.call('HGET', key, 'stage')
  if stage == 'new' or stage == 'waiting' then return end
  note_receiver(number, receiver)
  redis.call('DEL', key)
  redis.call('HSET', key, 'stage', 'new', 'receiver', receiver, 'place', place, 'contact', contact,
    'lane', lane == '' and '=' .. id or lane, 'size', size, 'planned', now, 'attempts', 0)
end

-- Let what is no event of the inbox wait as it will be posted.
local function keep_copy(number, id, copy)
  redis.call('HSET', forward_key(number, id), 'copy', copy)
end

local function wake_receiver(number, receiver, at)
  redis.call('ZADD', number .. 'forwards', 'LT', at, receiver)
end

local function is_alone(lane)
  return lane:sub(1, 1) == '='
end

-- Put a forward into its lane, at its place. Repeatable: the stage is written last.
local function enqueue_forward(number, now, id, row, place)
  local queue = forwards_of(number, row.receiver)
  if not is_alone(row.lane) then redis.call('ZADD', queue .. ':lane:' .. row.lane, 'NX', place, id) end
  redis.call('ZADD', queue .. ':ready', 'NX', now, row.lane)
  if not row.copy then redis.call('ZADD', queue .. ':kept', 'NX', row.place:match('^%d+:(%d+)'), id) end
  if redis.call('ZADD', queue .. ':waiting', 'NX', now, id) == 1 then
    redis.call('HINCRBY', queue, 'size', row.size)
  end
  wake_receiver(number, row.receiver, now)
end

local function read_forward(number, id)
  local fields = redis.call('HMGET', forward_key(number, id), 'stage', 'receiver', 'place', 'contact',
    'lane', 'size', 'planned', 'attempts', 'copy')
  if not fields[1] then return nil end
  return {stage = fields[1], receiver = fields[2], place = fields[3], contact = fields[4],
    lane = fields[5], size = tonumber(fields[6]), planned = tonumber(fields[7]),
    attempts = tonumber(fields[8]), copy = fields[9]}
end

-- Let a forward that is written be posted. Repeatable until its stage says that it was done.
local function announce_forward(number, now, id, place)
  local row = read_forward(number, id)
  if not row or row.stage ~= 'new' then return end
  enqueue_forward(number, now, id, row, place)
  redis.call('HSET', forward_key(number, id), 'stage', 'waiting', 'order', place)
  count(number, 'forwards.planned')
end

-- A forward waits no more: its delivery may be trimmed, and its lane is free for the next one. The
-- lane is changed last, so that a script that dies before is repaired by whoever takes it next.
local function leave_forwards(number, now, id, row)
  local queue = forwards_of(number, row.receiver)
  redis.call('ZREM', queue .. ':kept', id)
  -- What they take is an estimate, which a script that dies half-way may leave a little wrong until
  -- nothing waits.
  if redis.call('ZREM', queue .. ':waiting', id) == 1 then
    local size = redis.call('HINCRBY', queue, 'size', -row.size)
    if size < 0 or redis.call('EXISTS', queue .. ':waiting') == 0 then redis.call('HSET', queue, 'size', 0) end
  end
  if is_alone(row.lane) then return redis.call('ZREM', queue .. ':ready', row.lane) end
  local lane = queue .. ':lane:' .. row.lane
  local heads = redis.call('ZRANGE', lane, 0, 1)
  if heads[1] == id and heads[2] then redis.call('ZADD', queue .. ':ready', now, row.lane) end
  if not heads[1] or (heads[1] == id and not heads[2]) then redis.call('ZREM', queue .. ':ready', row.lane) end
  redis.call('ZREM', lane, id)
end

-- Remove from a queue what does not wait: its row is gone, or a script died half-way.
local function drop_from_queue(number, receiver, now, id, row)
  if row and row.lane then return leave_forwards(number, now, id, row) end
  local queue = forwards_of(number, receiver)
  redis.call('ZREM', queue .. ':kept', id)
  redis.call('ZREM', queue .. ':waiting', id)
end

-- It was received. What happened to it can be read for a while; all else goes, since they are many.
local function deliver_forward(number, now, id, row, kept_ms)
  local key = forward_key(number, id)
  if row.stage == 'dead' then leave_dead_forwards(number, id) end
  redis.call('PEXPIRE', key, kept_ms)
  leave_forwards(number, now, id, row)
  redis.call('HSET', key, 'stage', 'delivered')
  redis.call('HDEL', key, 'copy', 'error', 'place', 'contact', 'lane', 'size', 'order')
  redis.call('HINCRBY', forwards_of(number, row.receiver), 'delivered', 1)
  count(number, 'forwards.delivered')
end

-- Nobody received it: it becomes a dead letter with a copy of what would be posted, '' if there is
-- none. A receiver has room for so many: beyond it the oldest goes, so that none crowds out others.
local function bury_forward(number, now, id, row, why, copy)
  local key, dead = forward_key(number, id), forwards_of(number, row.receiver) .. ':dead'
  redis.call('HSET', key, 'copy', copy, 'error', why, 'died', now)
  redis.call('PEXPIRE', key, C.MONTH_MS)
  redis.call('ZADD', dead, now, id)
  list_dead(number, now, 'forward:' .. id)
  redis.call('HSET', key, 'stage', 'dead')
  leave_forwards(number, now, id, row)
  redis.call('HINCRBY', forwards_of(number, row.receiver), 'died', 1)
  count(number, 'forwards.dead')
  for _ = 1, 10 do
    if redis.call('ZCARD', dead) <= MOST_DEAD_FORWARDS then return end
    local oldest = redis.call('ZRANGE', dead, 0, 0)[1]
    redis.call('DEL', forward_key(number, oldest))
    leave_dead_forwards(number, oldest)
    count(number, 'forwards.crowded_out')
  end
end

local forwards = {write = write_forward, announce = announce_forward, keep_copy = keep_copy}
