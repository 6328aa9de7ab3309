-- Pauses and holds: the gateway pauses a number, an operator holds it or one of its rules.
-- `{n}stops` holds `paused` (why), `paused_at`, `probe_at`, `probes` and `resumed_at`; `late` where
-- a status gave the reason, and `trial`, since when Meta accepts messages again; `held` and
-- `rule:<name>` (who, and since when).
local PROBE_LAST, TRIAL = 300000, 60000

local function stops_of(number)
  local stops = {rules = {}, any_rule = false}
  local found = redis.call('HGETALL', number .. 'stops')
  for i = 1, #found, 2 do
    local rule = found[i]:match('^rule:(.*)$')
    if rule then
      stops.rules[rule], stops.any_rule = true, true
    else
      stops[found[i]] = found[i + 1]
    end
  end
  return stops
end

-- Acceptance proves nothing where Meta fails messages later: no failure may follow for a while.
local function is_tried(stops, now)
  if not stops.paused then return false end
  local since = stops.trial and now - tonumber(stops.trial)
  return since and (since >= TRIAL or since < 0)
end

-- For how long a number sends nothing: 0 where it may send, be it a probe. A probe that is further
-- away than any wait was given by a clock that stepped back since.
local function stopped_for(stops, now)
  if stops.held then return PROBE_LAST end
  if not stops.paused or is_tried(stops, now) then return 0 end
  local wait = tonumber(stops.probe_at) - now
  return wait <= PROBE_LAST and math.max(0, wait) or 0
end

-- Move the time of the next probe, so that no other pump probes at the same time.
local function probe(number, stops, now)
  local wait = math.min(PROBE_LAST, C.PROBE_AFTER_MS * 2 ^ math.min(8, tonumber(stops.probes)))
  redis.call('HSET', number .. 'stops', 'probe_at', now + wait, 'probes', stops.probes + 1)
end

-- A pause begins once, however many refusals report it; the last one is shown.
-- It is `late` where a status reported it, after Meta had accepted the message.
local function pause(number, now, why, wait, late)
  local key = number .. 'stops'
  local begins = redis.call('HEXISTS', key, 'paused') == 0
  -- A worker of an older release leaves these two behind.
  if begins then redis.call('HDEL', key, 'late', 'trial') end
  if late then
    redis.call('HSET', key, 'late', 1)
    redis.call('HDEL', key, 'trial')
  end
  if begins then
    redis.call('HSET', key, 'paused', why, 'paused_at', now, 'probe_at', now + wait, 'probes', 0)
  elseif wait == 0 then
    redis.call('HSET', key, 'paused', why, 'probe_at', now) -- something was fixed: probe at once
  else
    redis.call('HSET', key, 'paused', why)
  end
end

local function forget_pause(number)
  redis.call('HDEL', number .. 'stops', 'paused', 'paused_at', 'probe_at', 'probes', 'late', 'trial')
end

local function resume(number, now)
  redis.call('HSET', number .. 'stops', 'resumed_at', now)
  forget_pause(number)
end

-- Another number sends again. Without a send to probe with, a pause of the account ends here too.
local function look(number, now, why, code)
  local waits = false
  for _, rank in ipairs(C.PRIORITIES) do
    waits = waits or redis.call('EXISTS', number .. 'ready:' .. rank) > 0
  end
  if not waits and code ~= '' and cjson.decode(why).code == tonumber(code) then
    forget_pause(number)
  else
    redis.call('HSET', number .. 'stops', 'probe_at', now)
  end
end

-- Sends of a held rule leave their lanes, so that no pump has to skip them again and again; they
-- come back to their places.
local function hold_send(number, rule, lane_key, id)
  local place = redis.call('ZSCORE', lane_key, id)
  redis.call('SADD', number .. 'holding', rule)
  redis.call('ZADD', number .. 'held:' .. rule, place, id)
  redis.call('ZREM', lane_key, id)
end
