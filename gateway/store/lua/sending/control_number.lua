-- control_number: stop a number from sending, or let it go on.
-- with: pauses, pace
-- KEYS  1 the number's prefix
-- ARGV  1 the operation, then its arguments:
--       pause   why, ms until the first probe, "1" where a status reported it
--       look    code of a pause of the whole account that is over, or ""
--       rest    ms
--       hold    "" or a rule, why
--       release "" or a rule
--       grant   messages per second
-- Returns 1 where something changed, -1 where no more rules can be held.
local number = KEYS[1]
local now = clock()
local asked = {}

function asked.pause(why, wait, late)
  pause(number, now, why, tonumber(wait), late == '1')
  return 1
end

function asked.look(code)
  local why = redis.call('HGET', number .. 'stops', 'paused')
  if not why then return 0 end
  look(number, now, why, code)
  return 1
end

function asked.rest(wait)
  rest(number, now, tonumber(wait))
  return 1
end

local function held(rule)
  return rule == '' and 'held' or 'rule:' .. rule
end

-- Every pump reads all held rules, so their number is limited: -1 reports that.
local MOST_HELD = 100
function asked.hold(rule, why)
  local is_new = redis.call('HEXISTS', number .. 'stops', held(rule)) == 0
  if rule ~= '' and is_new and redis.call('HLEN', number .. 'stops') >= MOST_HELD then return -1 end
  return redis.call('HSET', number .. 'stops', held(rule), now .. '|' .. why)
end

function asked.release(rule)
  return redis.call('HDEL', number .. 'stops', held(rule))
end

function asked.grant(rate)
  local before = tonumber(redis.call('HGET', number .. 'tokens', 'granted') or 0)
  if tonumber(rate) <= before then return 0 end
  redis.call('HSET', number .. 'tokens', 'granted', rate)
  return 1
end

if not asked[ARGV[1]] then return redis.error_reply('control_number: nobody knows how') end
return asked[ARGV[1]](ARGV[2], ARGV[3], ARGV[4])
