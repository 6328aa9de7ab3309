-- Unreachable customers: those to whom Meta could deliver nothing (code 131026), each by six bytes of
-- the digest of their contact's name, and the second in which that was.
-- `{n}unreachable` is there while any of them may be, so that a number without one pays one look.
-- This is told beside what becomes of a send, so damage to it holds up nothing.
local UNREACHABLE_SINCE = '>I4'

local function unreachable_slot(number, name)
  local hex = redis.sha1hex(name)
  return number .. 'unreachable:' .. tonumber(hex:sub(1, 8), 16) % C.UNREACHABLE_BUCKETS,
    struct.pack('>I3I3', tonumber(hex:sub(9, 14), 16), tonumber(hex:sub(15, 20), 16))
end

-- A lane may have the name under which its contact was before; one that cannot be read keeps it.
local function slot_of_lane(number, lane)
  return unreachable_slot(number, guarded(contact_of, number, lane) or lane)
end

-- Remove from a full bucket all that is older than a month, or else the oldest.
local function make_room(bucket, at_s)
  local old, oldest, oldest_s = {}, nil, math.huge
  local found = redis.call('HGETALL', bucket)
  for i = 1, #found, 2 do
    local since = struct.unpack(UNREACHABLE_SINCE, found[i + 1])
    if since < at_s - C.MONTH_MS / 1000 then old[#old + 1] = found[i] end
    if since < oldest_s then oldest, oldest_s = found[i], since end
  end
  redis.call('HDEL', bucket, unpack(#old > 0 and old or {oldest}))
end

-- Of two failures the later one counts, in whichever order they are reported.
local function write_unreachable(number, at, lane)
  local at_s = math.max(0, math.floor(at / 1000))
  local bucket, field = slot_of_lane(number, lane)
  local known = redis.call('HGET', bucket, field)
  if known and struct.unpack(UNREACHABLE_SINCE, known) >= at_s then return end
  if not known and redis.call('HLEN', bucket) >= C.UNREACHABLE_PER_BUCKET then make_room(bucket, at_s) end
  redis.call('SET', number .. 'unreachable', 1, 'PX', C.MONTH_MS)
  redis.call('HSET', bucket, field, struct.pack(UNREACHABLE_SINCE, at_s))
  redis.call('PEXPIRE', bucket, C.MONTH_MS)
end

-- Note a failure that says so. The bucket is written before what ends the send, so that whoever repeats
-- a call which failed in between notes it again.
local function note_unreachable(number, at, lane, failure)
  if tonumber((failure or ''):match('"code": ?(%d+)')) ~= C.UNREACHABLE_CODE then return end
  guarded(write_unreachable, number, at, lane)
end

-- A message to the customer was delivered.
local function forget_unreachable(number, lane)
  if redis.call('EXISTS', number .. 'unreachable') == 0 then return end
  guarded(redis.call, 'HDEL', slot_of_lane(number, lane))
end
