-- due_schedules: read the schedules of a number whose moment has come, the earliest first.
-- KEYS  1 the number's prefix
-- ARGV  1 most of them
-- Returns {now, and for each id, version, definition, progress}; one without a row leaves the list.
local number, now = KEYS[1], clock()
local found = {now}
local ids = redis.call('ZRANGEBYSCORE', number .. 'schedules', '-inf', now, 'LIMIT', 0, ARGV[1])
for _, id in ipairs(ids) do
  local row = redis.call('HMGET', number .. 'schedule:' .. id, 'version', 'definition', 'progress')
  if row[1] then
    for _, value in ipairs({id, row[1], row[2] or '', row[3] or ''}) do found[#found + 1] = value end
  else
    redis.call('ZREM', number .. 'schedules', id)
  end
end
return found
