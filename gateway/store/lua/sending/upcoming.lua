-- upcoming: read when the next thing of one number is to be done; it writes nothing.
-- with: pauses, pace
-- KEYS  1 the number's prefix
-- ARGV  1 messages per second, 2 ms for which a pump is at work after it took something, 3 ms for
--       which it is where it left ready sends behind: it is busy
-- Returns {now, since or from when to ring for the sends of each priority, the same for the tick};
-- -1 where there is nothing to ring for, or a wake-up is on its way.
local number = KEYS[1]
local now = clock()

local function head(key)
  return tonumber(redis.call('ZRANGE', number .. key, 0, 0, 'WITHSCORES')[2])
end

-- How long none of the sends that are ready since then may go, or a working pump takes them by
-- itself; nil while an operator holds the number.
local function waiting(since)
  local stops, pace = stops_of(number), pace_of(number, now, tonumber(ARGV[1]))
  if stops.held then return nil end
  local token = pace.tokens < 1 and math.ceil((1 - pace.tokens) * 1000 / pace.rate) or 0
  local took = tonumber(redis.call('HGET', number .. 'tokens', 'took') or 0)
  local lasts = tonumber(since < took and ARGV[3] or ARGV[2])
  local at_work = took <= now and took + lasts - now or 0
  return math.max(0, token, at_work, pace.rest, stopped_for(stops, now))
end

local function ready(rank)
  local since = head('ready:' .. rank)
  if not since or redis.call('EXISTS', number .. 'bell:' .. rank) == 1 then return -1 end
  local wait = waiting(since)
  if not wait then return -1 end
  return wait > 0 and math.max(since, now + wait) or since
end

local function is_released()
  local holding = redis.call('SMEMBERS', number .. 'holding')
  local stops = #holding > 0 and stops_of(number)
  for _, rule in ipairs(holding) do
    if not stops.rules[rule] then return true end
  end
end

local tick = is_released() and now or nil
for _, key in ipairs({'due', 'timers', 'parked', 'unconfirmed', 'results', 'schedules'}) do
  local moment = head(key)
  if moment and moment < (tick or math.huge) then tick = moment end
end
-- A tick rings for notifications as well; the tasks that post them take what is due by themselves.
local notification = head('notifications_due')
if notification and notification < (tick or math.huge) and redis.call('EXISTS', number .. 'bell:outgoing') == 0 then
  tick = notification
end
-- And for calls.
for _, service in ipairs(redis.call('SRANDMEMBER', number .. 'services', 100)) do
  local call = head('calls_due:' .. service)
  if call and call < (tick or math.huge) and redis.call('EXISTS', number .. 'bell:call:' .. service) == 0 then tick = call end
end
local moments = {now}
for _, rank in ipairs(C.PRIORITIES) do moments[#moments + 1] = ready(rank) end
moments[#moments + 1] = tick or -1
return moments
