-- write_schedules: create or change schedules that are still as they were read, each with the send
-- that it makes now.
-- with: planned_sends
-- KEYS  1 the number's prefix
-- ARGV  1 most schedules of a number; then for each fifteen: id, version that was read or "" for a
--       new one, definition or "" to keep it, progress, score, and of the send ten: id or "" where
--       there is none, lane, rank, due in ms (0 = now), expiry in ms, "1" if repeatable, what
--       follows a closed window, rule, row, and its reference
-- Returns for each "written", "changed" where it is not as it was read, "full", or "damaged" where
-- its keys cannot be written; such a one stops no other.
--
-- The send is pushed before the schedule moves on: whoever repeats a script that failed in between
-- finds the send there, and its id is the same.
local number, now, most = KEYS[1], clock(), tonumber(ARGV[1])
local schedules = number .. 'schedules'

local function push_send(i, place)
  local id, lane, rank, due = ARGV[i], present_lane(number, ARGV[i + 1]), ARGV[i + 2], ARGV[i + 3]
  if redis.call('EXISTS', number .. 'send:' .. id) == 0 then
    write_planned(number, now, id, lane, rank, ARGV[i + 4], ARGV[i + 5], ARGV[i + 6], ARGV[i + 7],
      ARGV[i + 8], ARGV[i + 9])
  end
  push_planned(number, now, id, lane, rank, due, place)
end

local function write(i, place)
  local id, read, definition, score = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 4]
  local key = number .. 'schedule:' .. id
  local version = redis.call('HGET', key, 'version')
  if (version or '') ~= read then return 'changed' end
  if not version then
    if redis.call('ZCARD', schedules) >= most then return 'full' end
    -- Listed first: a listed one without a row is seen and removed, the reverse never.
    redis.call('ZADD', schedules, score, id)
  end
  if ARGV[i + 5] ~= '' then push_send(i + 5, place) end
  local fields = {'progress', ARGV[i + 3], 'version', (version or 0) + 1}
  if definition ~= '' then
    fields[5], fields[6] = 'definition', definition
  end
  redis.call('HSET', key, unpack(fields))
  redis.call('ZADD', schedules, score, id)
  return 'written'
end

local place, replies = redis.call('INCR', number .. 'places'), {}
for i = 2, #ARGV, 15 do
  replies[#replies + 1] = guarded(write, i, place + i / (#ARGV + 1)) or 'damaged'
end
return replies
