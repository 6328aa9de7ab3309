-- register: let sends that ended before compaction existed be compacted in their time.
-- KEYS  1 the number's prefix
-- ARGV  ids of sends
-- Returns how many were registered. Repeating it changes nothing.
local number, now = KEYS[1], clock()
local registered = 0
for _, id in ipairs(ARGV) do
  local send = number .. 'send:' .. id
  local row, left = redis.call('HMGET', send, 'final', 'rung', 'repeatable'), redis.call('PTTL', send)
  -- A row got an expiry of 30 days when it was over; a row without expiry is not over.
  if row[2] and row[3] ~= '1' and left >= 0 then
    local died = redis.call('ZSCORE', number .. 'dead', 'send:' .. id)
    local at = now + left - C.MONTH_MS + C.DAY_MS
    if tonumber(row[2]) >= C.STATUS_RANK.read or row[1] then at = now end
    if died then at = tonumber(died) + C.MONTH_MS end
    redis.call('ZADD', number .. 'finished', 'NX', at, id)
    redis.call('PERSIST', send)
    registered = registered + 1
  end
end
return registered
