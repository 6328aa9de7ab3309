-- erase_sends: remove sends with their content, whether they wait, are over or were compacted.
-- with: lanes, compact_records
-- KEYS  1 the number's prefix
-- ARGV  1 ms after which an attempt that has no outcome is over, then ids
-- Returns for each 1 where something was removed, 0 where nothing was left, -1 where an attempt is
-- under way, which ends first. The index keeps the digest of an id, by which a send is known.
-- The row goes last, so that repeating it after a failure half-way finds the rest.
local number, now, over_after = KEYS[1], clock(), tonumber(ARGV[1])

local function is_under_way(row)
  local age = now - row.began
  return row.stage == 'attempting' and age >= 0 and age < over_after
end

-- Return whether a record was left.
local function erase_record(id)
  local spot = spot_of('s' .. id)
  redis.call('HDEL', number .. 'late_failures', spot)
  local value = look_up_spot(number, spot)
  if not value then return false end
  local stream, entry = entry_of(number, value)
  redis.call('XDEL', number .. 'texts', entry)
  -- As in recall.lua: a release without notices gave their records a stream of their own.
  return redis.call('XDEL', stream, entry) + redis.call('XDEL', number .. 'done:notice', entry) > 0
end

local function forget_wamids(id, fields)
  for i = 1, #fields, 2 do
    local wamid = number .. 'wamid:' .. fields[i + 1]
    if fields[i]:find('^wamid') and redis.call('GET', wamid) == id then redis.call('DEL', wamid) end
  end
end

-- A damaged list keeps the send in none of the others.
local function leave_lists(id, row, rule)
  local contact = guarded(contact_of, number, row.lane) or row.lane
  for _, list in ipairs({'due', 'unconfirmed', 'parked', 'finished', 'held:' .. rule, 'parked:' .. contact}) do
    guarded(redis.call, 'ZREM', number .. list, id)
  end
  guarded(redis.call, 'ZREM', number .. 'dead', 'send:' .. id)
  guarded(redis.call, 'SREM', number .. 'doubts:' .. row.rank .. ':' .. row.lane, id)
  local key = number .. 'lane:' .. row.rank .. ':' .. row.lane
  guarded(redis.call, 'ZREM', key, id)
  if redis.call('EXISTS', key) == 0 then
    guarded(redis.call, 'ZREM', number .. 'ready:' .. row.rank, row.lane)
  end
end

local function erase(id)
  local send = number .. 'send:' .. id
  local row = guarded(read_send, send)
  if row and is_under_way(row) then return -1 end
  local was_recorded = guarded(erase_record, id)
  redis.call('DEL', number .. 'members:' .. id, number .. 'redrive:' .. id)
  if row then
    -- A campaign's recipient who is not written to any more is in the cell of those.
    if row.rung < C.STATUS_RANK.unconfirmed then track(number, id, 'cancelled') end
    leave_lists(id, row, redis.call('HGET', send, 'rule') or '')
    forget_wamids(id, redis.call('HGETALL', send))
  end
  return (redis.call('DEL', send) == 1 or was_recorded) and 1 or 0
end

local done = {}
for i = 2, #ARGV do done[#done + 1] = erase(ARGV[i]) end
return done
