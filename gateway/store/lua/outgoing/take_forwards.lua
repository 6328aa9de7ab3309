-- take_forwards: begin attempts to post what one receiver is due to get, each lane under a lease.
-- with: forwards, attempts
-- KEYS  1 the number's prefix
-- ARGV  1 receiver, 2 most lanes, 3 lease in ms, 4 how many forwards of one delivery and lane may go
--       together, 5 after how many failures in a row one attempt at a time is made
-- Returns {now, when it has something to do again ('' for never), failures in a row, damaged items in
-- threes, {id, attempt, place, copy ('' for none), ...}}. A receiver that is paused, or
-- failed a moment ago, gets nothing; nor does one that an attempt is trying after its failures.
local number, receiver = KEYS[1], ARGV[1]
local now = clock()
local queue = forwards_of(number, receiver)
local RESTS = 300000
local taken, damaged = {}, {}
local state = redis.call('HMGET', queue, 'paused', 'open_until', 'failures', 'tried_until')
local failures = tonumber(state[3] or 0)

local function look_again(at)
  redis.call('ZADD', number .. 'forwards', at, receiver)
  return {now, at == '+inf' and '' or string.format('%.0f', at), failures, damaged, taken}
end

-- What waits is looked at now and then, since it may have waited for too long, or hold back trimming.
local LOOKED_AT_EACH = 60000
if state[1] or ARGV[2] == '0' then return look_again(now + LOOKED_AT_EACH) end
local rests_until = math.max(tonumber(state[2] or 0), tonumber(state[4] or 0))
if rests_until > now then return look_again(rests_until) end

-- The heads of a lane: the first that waits, and those behind it from the same delivery.
local function heads_of(lane)
  if is_alone(lane) then return {lane:sub(2)} end
  local heads = {}
  for _, id in ipairs(redis.call('ZRANGE', queue .. ':lane:' .. lane, 0, tonumber(ARGV[4]) - 1)) do
    heads[#heads + 1] = id
  end
  return heads
end

local function forget(lane, id, row)
  drop_from_queue(number, receiver, now, id, row)
  if not is_alone(lane) then redis.call('ZREM', queue .. ':lane:' .. lane, id) end
end

local function take(lane)
  local delivery
  for _, id in ipairs(heads_of(lane)) do
    local row = read_forward(number, id)
    if not row or row.stage ~= 'waiting' then
      forget(lane, id, row)
    else
      local from = row.copy and id or row.place:match('^(.*)/')
      if delivery and from ~= delivery then return end
      if not delivery then redis.call('ZADD', queue .. ':ready', now + ARGV[3], lane) end
      delivery = from
      local attempt = row.attempts + 1
      begin_attempt(forward_key(number, id), attempt, now)
      redis.call('HSET', forward_key(number, id), 'attempts', attempt)
      for _, value in ipairs({id, attempt, row.place, row.copy or ''}) do
        taken[#taken + 1] = value
      end
      if row.copy then return end
    end
  end
  -- Nothing of it waits: it leaves, unless more of it is behind what was looked at.
  if not delivery and (is_alone(lane) or redis.call('EXISTS', queue .. ':lane:' .. lane) == 0) then
    redis.call('ZREM', queue .. ':ready', lane)
  end
end

local is_trial = failures >= tonumber(ARGV[5])
local most = is_trial and math.min(1, tonumber(ARGV[2])) or tonumber(ARGV[2])
for _, lane in ipairs(redis.call('ZRANGEBYSCORE', queue .. ':ready', '-inf', now, 'LIMIT', 0, most)) do
  local _, why = guarded(take, lane)
  if why then
    redis.call('ZADD', queue .. ':ready', now + RESTS, lane)
    note_damage(damaged, 'forward', receiver, why)
  end
end
if is_trial and #taken > 0 then
  redis.call('HSET', queue, 'tried_until', now + ARGV[3])
  return look_again(now + ARGV[3])
end
local head = redis.call('ZRANGE', queue .. ':ready', 0, 0, 'WITHSCORES')[2]
return look_again(head and math.min(tonumber(head), now + LOOKED_AT_EACH) or '+inf')
