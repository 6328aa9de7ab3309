-- Compact records: what is left of a send once its row is gone, and the index that leads to it.
-- `{n}done:<rank>` holds a record of each, `{n}texts` under the same entry the rest of its row.
-- The index has generations; each has hashes of some 60 small values, which take a third of the
-- room of a key.
--       send   entry (ms in 6 bytes, number in 2), flags, rung, attempts (2), when the latest
--              began (6), then statuses since: rung, attempt (2), Meta's moment (6)
--       wamid  spot of its send
-- with: generations
local FEWEST, FULL = 16, 30
local HEAD = '>I6I2BBI2I6'
local NEWS, MOST_VALUE = 9, 64

local function has_flag(flags, flag)
  return flags % (2 * flag) >= flag
end

-- Return what the index holds for a spot, and in which bucket.
local function look_up_spot(number, spot)
  for _, generation in ipairs(redis.call('LRANGE', number .. 'index', 0, -1)) do
    local bucket = index_bucket(number .. 'index', generation, spot)
    local value = redis.call('HGET', bucket, spot:sub(5))
    if value then return value, bucket end
  end
  return nil
end

local function index_now(number, now)
  return generation_now(number .. 'index', now, FEWEST, FULL)
end

local function write_spot(number, generation, spot, value)
  local bucket = index_bucket(number .. 'index', generation, spot)
  redis.call('HSET', bucket, spot:sub(5), value)
  if redis.call('PTTL', bucket) < 0 then redis.call('PEXPIRE', bucket, INDEX_LIVES) end
end

-- Return the place of a record: its stream and its entry.
local function entry_of(number, value)
  local ms, nth, flags = struct.unpack('>I6I2B', value)
  local rank = has_flag(flags, C.IS_BULK) and 'bulk' or 'reply'
  return number .. 'done:' .. rank, string.format('%.0f-%d', ms, nth)
end

-- A second wamid of a send means that Meta accepted it twice, while its row lives and after.
local function learn_wamid_of_done(number, now, spot, flags, wamid)
  if wamid == '' then return flags end
  local has_one, known = has_flag(flags, C.HAS_WAMID), look_up_spot(number, spot_of('w' .. wamid))
  if not known then
    write_spot(number, index_now(number, now), spot_of('w' .. wamid), spot)
    if has_one then count(number, 'sends.doubled') end
  end
  return has_one and flags or flags + C.HAS_WAMID
end

-- A status of an attempt shows that statuses of its time do come, and nothing of later ones. A
-- status that an operator replays came from the operator.
local function prove(number, came, began)
  local proved = redis.call('HGET', number .. 'evidence', 'proved')
  if came ~= 'replayed' and tonumber(began or 0) > tonumber(proved or 0) then
    redis.call('HSET', number .. 'evidence', 'proved', began)
  end
end

-- Record a status of a send that no longer has a row; nil where nothing is left of it either. The
-- next tick can open its text, so it decides what follows a failure.
local function stage_done(number, now, id, wamid, news)
  local spot = id ~= '' and spot_of('s' .. id) or look_up_spot(number, spot_of('w' .. wamid))
  local value, bucket = nil, nil
  if spot then value, bucket = look_up_spot(number, spot) end
  if not value and id ~= '' then return stage_done(number, now, '', wamid, news) end
  if not value then return nil end
  local ms, nth, flags, rung, attempts, began = struct.unpack(HEAD, value)
  local attempt = tonumber(news.attempt) or 0
  flags = learn_wamid_of_done(number, now, spot, flags, wamid)
  prove(number, news.came, attempt == attempts and string.format('%.0f', began) or 0)
  if news.rung < rung then count(number, 'statuses.backwards') end
  local is_obeyed = not has_flag(flags, C.IS_FINAL) and news.rung > rung
  if news.stage == 'failed' and news.attempt ~= '' and attempt ~= attempts then is_obeyed = false end
  if is_obeyed and news.stage == 'failed' then
    redis.call('HSET', number .. 'late_failures', spot, table.concat({news.attempt, news.at, news.after,
      news.wait, news.failure}, '|'))
  end
  local told = struct.pack('>BI2I6', news.rung, attempt, math.max(0, news.at))
  local since = value:sub(struct.size(HEAD) + 1)
  local is_new = news.stage ~= 'accepted' and not since:find(told, 1, true)
  if is_new and #value + NEWS <= MOST_VALUE then since = since .. told end
  if is_obeyed then rung = news.rung end
  redis.call('HSET', bucket, spot:sub(5), struct.pack(HEAD, ms, nth, flags, rung, attempts, began) .. since)
  if is_obeyed and news.stage ~= 'failed' then count(number, 'sends.' .. news.stage) end
  return true
end

local compact_records = {spot_of = spot_of, look_up_spot = look_up_spot}
