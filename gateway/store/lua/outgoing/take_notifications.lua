-- take_notifications: begin attempts to post notifications that are due, each under a lease.
-- with: notifications, attempts
-- KEYS  1 the number's prefix
-- ARGV  1 most, 2 lease in ms, 3 how long a notification may wait in ms, 4 how long one that was
--       given up can be read
-- Returns {now, how many more are due, damaged items in threes of kind, id and why, {id, attempt,
-- payload, ...}}. Those that waited too long are given up, also where none is to be taken; a damaged
-- one rests, and stops no other.
local number = KEYS[1]
local now = clock()
local due = number .. 'notifications_due'
local RESTS = 300000
local MOST_GIVEN_UP = 100
local taken, damaged = {}, {}

-- A caller without an address takes none, so their time is read from the moments of their plans. One
-- that cannot be given up leaves this set, and rests in the other.
local function give_up(id)
  if redis.call('HGET', notification_key(number, id), 'stage') == 'waiting' then
    end_notification(number, id, 'dead', ARGV[4])
  end
  redis.call('ZREM', number .. 'notifications', id)
end

local planned_before = now - ARGV[3]
for _, id in ipairs(redis.call('ZRANGEBYSCORE', number .. 'notifications', '-inf', planned_before,
    'LIMIT', 0, MOST_GIVEN_UP)) do
  local _, why = guarded(give_up, id)
  if why then redis.call('ZREM', number .. 'notifications', id) end
end

local function take(id)
  local key = notification_key(number, id)
  local row = redis.call('HMGET', key, 'stage', 'attempts', 'planned', 'payload')
  if row[1] ~= 'waiting' then
    redis.call('ZREM', number .. 'notifications', id)
    redis.call('ZREM', due, id)
  elseif tonumber(row[3]) + ARGV[3] <= now then
    end_notification(number, id, 'dead', ARGV[4])
  else
    local attempt = tonumber(row[2]) + 1
    redis.call('ZADD', due, now + ARGV[2], id)
    begin_attempt(key, attempt, now)
    redis.call('HSET', key, 'attempts', attempt)
    for _, value in ipairs({id, attempt, row[4]}) do taken[#taken + 1] = value end
  end
end

for _, id in ipairs(redis.call('ZRANGEBYSCORE', due, '-inf', now, 'LIMIT', 0, ARGV[1])) do
  local _, why = guarded(take, id)
  if why then
    redis.call('ZADD', due, now + RESTS, id)
    note_damage(damaged, 'notification', id, why)
  end
end
return {now, redis.call('ZCOUNT', due, '-inf', now), damaged, taken}
