-- Calls of services: what rules ask of the operator's applications, each until its answer is in the
-- inbox. `calls` has those that wait, by the moment of their plan; `calls_due:<service>` those of one
-- service, by the moment of the next attempt; `services` the services that have some. An attempt
-- moves its call to the end of its lease, so what a dead worker had in hand is due again by itself.
-- `calls_crowded` has those for which there was no room: nobody makes them any more, and a tick lets
-- their branch `failed` follow.
local MOST_CALLS = 10000

local function call_key(number, id)
  return number .. 'call:' .. id
end

local function calls_due(number, service)
  return number .. 'calls_due:' .. service
end

-- Write a call to which nothing points yet; one that was planned before stays as it is.
local function write_call(number, now, id, service, payload)
  local key = call_key(number, id)
  if redis.call('EXISTS', key) == 1 then return end
  redis.call('HSET', key, 'stage', 'new', 'attempts', 0, 'planned', now, 'service', service, 'payload', payload)
end

-- What is left of a payload once the answer is in the inbox: what a trace shows, and whose it is.
local KEPT = {'event', 'rule', 'service', 'method', 'path', 'contact', 'wa_id', 'user_id'}
local function shorten_call(payload)
  local is_json, fields = pcall(cjson.decode, payload or '')
  if not is_json or type(fields) ~= 'table' then fields = {} end
  local kept = {}
  for _, name in ipairs(KEPT) do kept[name] = fields[name] or '' end
  return cjson.encode(kept)
end

-- End a call: `answered`, `failed` or `crowded_out`. The last write shows that all before it was
-- done.
local function end_call(number, id, stage, kept_ms)
  local key = call_key(number, id)
  local row = redis.call('HMGET', key, 'service', 'payload')
  redis.call('ZREM', number .. 'calls', id)
  if row[1] then
    redis.call('HSET', key, 'stage', stage, 'payload', shorten_call(row[2]))
    redis.call('PEXPIRE', key, kept_ms)
    redis.call('ZREM', calls_due(number, row[1]), id)
  end
  redis.call('ZREM', number .. 'calls_crowded', id)
  count(number, 'calls.' .. stage)
end

local function crowd_out_call(number, id, planned)
  redis.call('ZADD', number .. 'calls_crowded', planned, id)
  local service = redis.call('HGET', call_key(number, id), 'service')
  if service then redis.call('ZREM', calls_due(number, service), id) end
end

-- Beyond the room of a number the oldest goes, whose customer has waited for longest.
local function crowd_out_calls(number)
  for _ = 1, 10 do
    if redis.call('ZCARD', number .. 'calls') <= MOST_CALLS then return end
    local oldest = redis.call('ZRANGE', number .. 'calls', 0, 0, 'WITHSCORES')
    guarded(crowd_out_call, number, oldest[1], oldest[2])
    redis.call('ZREM', number .. 'calls', oldest[1])
  end
end

-- Let a call that is written be made. Repeatable until its stage says that it was done.
local function announce_call(number, now, id)
  local key = call_key(number, id)
  local row = redis.call('HMGET', key, 'stage', 'service')
  if row[1] ~= 'new' then return end
  redis.call('SADD', number .. 'services', row[2])
  redis.call('ZADD', number .. 'calls', now, id)
  redis.call('ZADD', calls_due(number, row[2]), now, id)
  redis.call('HSET', key, 'stage', 'waiting')
  count(number, 'calls.planned')
  crowd_out_calls(number)
end

local calls = {write = write_call, announce = announce_call}
