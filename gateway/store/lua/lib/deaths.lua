-- Deaths of holders: who holds a partition, and what is done after a holder died.
-- `{p}cursor` holds `at` (the last delivery that is wholly done), `item` (how many events of the
-- one after it are done) and `seal` (of their keys); `holder`, `till` when, under which `fence`;
-- `hand`, the one thing that a careful holder is about to touch; `asides`, the deferred deliveries
-- that it took; and `careful`, how many events from here on are touched one at a time.
local MOST_MISSING, MISSING_FOR = 16, 60000

local function read_cursor(partition)
  local f = redis.call('HMGET', partition .. 'cursor', 'holder', 'till', 'fence', 'at', 'item', 'seal',
    'careful', 'hand', 'asides')
  return {holder = f[1] or '', till = tonumber(f[2] or 0), fence = tonumber(f[3] or 0),
    at = f[4] or '0-0', item = tonumber(f[5] or 0), seal = f[6] or '', careful = tonumber(f[7] or 0),
    hand = f[8] or '', asides = f[9] or ''}
end

-- A deferred delivery may be taken again soon, however far the cursor has moved since; one that is
-- no longer deferred was worked off by a holder that lived.
local function is_aside(partition, id)
  return redis.call('ZSCORE', partition .. 'aside', id) ~= false
end

-- A holder has died. If it had one thing in hand, only that is suspected; else everything that it
-- may have touched is taken with care. If another holder has passed any of it since, none of that
-- killed it, and only the deferred deliveries that it took are left.
local function count_death(partition, row, at, item, hand, asides)
  local suspects = partition .. 'suspects'
  local was_passed = row.at ~= at or row.item ~= tonumber(item)
  if hand ~= '' then
    local id = hand:match('^[^/]*')
    local was_aside = (' ' .. asides .. ' '):find(' ' .. id .. ' ', 1, true)
    if was_passed and not (was_aside and is_aside(partition, id)) then return end
    redis.call('HSETNX', suspects, id, 0)
    redis.call('HINCRBY', suspects, hand, 1)
  else
    for id in asides:gmatch('%S+') do
      if is_aside(partition, id) then redis.call('HSETNX', suspects, id, 0) end
    end
    if not was_passed then
      row.careful = C.MOST_TOUCHED
      redis.call('HSET', partition .. 'cursor', 'careful', C.MOST_TOUCHED)
    end
  end
  redis.call('PEXPIRE', suspects, C.DAY_MS)
end

local function let_go(partition)
  redis.call('HSET', partition .. 'cursor', 'holder', '', 'till', 0, 'hand', '', 'asides', '')
end

local function remember_missing(partition, row, now)
  local missing = partition .. 'missing'
  if redis.call('HLEN', missing) >= MOST_MISSING then return end
  redis.call('HSET', missing, row.holder,
    string.format('%.0f', math.min(row.till, now)) .. '|' .. row.at .. '|' .. row.item .. '|' .. row.hand .. '|' .. row.asides)
end

-- A holder without a sign of life for a minute counts as dead.
local function judge_missing(partition, row, now)
  local missing = redis.call('HGETALL', partition .. 'missing')
  for i = 1, #missing, 2 do
    local till, at, item, hand, asides = missing[i + 1]:match('^(%d+)|([^|]*)|(%d+)|([^|]*)|(.*)$')
    if now - tonumber(till) > MISSING_FOR or tonumber(till) - now > MISSING_FOR then
      count_death(partition, row, at, item, hand, asides)
      redis.call('HDEL', partition .. 'missing', missing[i])
    end
  end
end
