-- recall: read what is left of sends that no longer have a row.
-- with: compact_records
-- KEYS  1 the number's prefix
-- ARGV  names: "s" and the id of a send, "w" and a wamid, or "@" and a spot
-- Returns for each {what the index holds, record, text, its spot}, with record and text false where
-- they are no longer stored; false where the index has nothing, {why} where its keys are damaged.
local number = KEYS[1]

local function only(stream, entry)
  local found = redis.call('XRANGE', stream, entry, entry)[1]
  return found and found[2][2] or false
end

-- A release without notices, at work beside this one, gives their records a stream of their own.
local function record_of(stream, entry)
  local record = only(stream, entry)
  if not record and stream == number .. 'done:reply' then return only(number .. 'done:notice', entry) end
  return record
end

local function spot_named(name)
  if name:sub(1, 1) == '@' then return name:sub(2) end
  local spot = spot_of(name)
  if name:sub(1, 1) == 'w' then return (look_up_spot(number, spot)) end
  return spot
end

local function recall(name)
  local spot = spot_named(name)
  local value = spot and look_up_spot(number, spot)
  if not value then return false end
  local stream, entry = entry_of(number, value)
  return {value, record_of(stream, entry), only(number .. 'texts', entry), spot}
end

local found = {}
for i, name in ipairs(ARGV) do
  local parts, why = guarded(recall, name)
  if why then parts = {why} end
  found[i] = parts
end
return found
