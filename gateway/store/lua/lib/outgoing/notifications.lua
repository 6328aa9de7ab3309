-- Notifications: what rules report to the operator, each until its address received it.
-- `notifications` has those that wait, by the moment of their plan; `notifications_due` the same, by
-- the moment of the next attempt. An attempt moves its own to the end of its lease, so what a dead
-- worker had in hand is due again by itself.
local MOST_NOTIFICATIONS = 10000

local function notification_key(number, id)
  return number .. 'notification:' .. id
end

-- Write a notification to which nothing points yet; one that was planned before stays as it is.
local function write_notification(number, now, id, payload)
  local key = notification_key(number, id)
  if redis.call('EXISTS', key) == 1 then return end
  redis.call('HSET', key, 'stage', 'new', 'attempts', 0, 'planned', now, 'payload', payload)
end

local function is_over(stage)
  return stage ~= 'new' and stage ~= 'waiting'
end

-- Return what is left of a payload that is not posted any more: the event and the rule, by which a
-- trace finds the rest. Ended notifications are many, and their texts are long.
local function shorten_payload(payload)
  local is_json, fields = pcall(cjson.decode, payload or '')
  if not is_json or type(fields) ~= 'table' then fields = {} end
  return cjson.encode({event = fields.event or '', rule = fields.rule or ''})
end

-- End a notification: `delivered`, `dead` (given up) or `crowded_out`. What happened to it can be
-- read for a while; its text goes with its stage, in one write, so that none is posted without its
-- text. The last write shows that all before it was done.
local function end_notification(number, id, stage, kept_ms)
  local key = notification_key(number, id)
  redis.call('ZREM', number .. 'notifications', id)
  redis.call('HSET', key, 'stage', stage, 'payload', shorten_payload(redis.call('HGET', key, 'payload')))
  redis.call('PEXPIRE', key, kept_ms)
  redis.call('ZREM', number .. 'notifications_due', id)
  count(number, 'notifications.' .. stage)
end

-- Beyond the room of a number the oldest goes, which has been tried for longest.
local function crowd_out(number)
  for _ = 1, 10 do
    if redis.call('ZCARD', number .. 'notifications') <= MOST_NOTIFICATIONS then return end
    local oldest = redis.call('ZRANGE', number .. 'notifications', 0, 0)[1]
    local _, why = guarded(end_notification, number, oldest, 'crowded_out', C.DAY_MS)
    if why then redis.call('ZREM', number .. 'notifications', oldest) end
  end
end

-- Let a notification that is written be posted. Repeatable until its stage says that it was done.
local function announce(number, now, id)
  local key = notification_key(number, id)
  if redis.call('HGET', key, 'stage') ~= 'new' then return end
  redis.call('ZADD', number .. 'notifications', now, id)
  redis.call('ZADD', number .. 'notifications_due', now, id)
  redis.call('HSET', key, 'stage', 'waiting')
  count(number, 'notifications.planned')
  crowd_out(number)
end

local notifications = {write = write_notification, announce = announce}
