-- Attempts at what is posted to others, as a row shows them: the latest twenty, each as its number,
-- its moment and how it ended, which is empty until that is known.
local ATTEMPTS_SHOWN = 20

local function field_of_attempt(attempt)
  return 'attempt:' .. attempt % ATTEMPTS_SHOWN
end

local function begin_attempt(key, attempt, at)
  redis.call('HSET', key, field_of_attempt(attempt), string.format('%d|%.0f|', attempt, at))
end

-- Note how an attempt ended, unless twenty later ones have taken its place.
local function end_attempt(key, attempt, outcome)
  local shown = redis.call('HGET', key, field_of_attempt(attempt)) or ''
  local begun = shown:match('^(%d+|%d+|)')
  if begun and tonumber(begun:match('^%d+')) == attempt then
    redis.call('HSET', key, field_of_attempt(attempt), begun .. outcome)
  end
end

-- Say whether an attempt began of whose end nothing is known.
local function is_attempt_open(key, attempt)
  local shown = redis.call('HGET', key, field_of_attempt(attempt))
  return shown and shown:sub(-1) == '|'
end
