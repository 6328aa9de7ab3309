-- order_aside: let trimming find by age the deliveries that layout 1 deferred.
-- KEYS  1 the partition's prefix
-- ARGV  entries
-- Returns how many are still deferred.
local ordered_now = 0
for _, entry in ipairs(ARGV) do
  local due = redis.call('ZSCORE', KEYS[1] .. 'aside', entry)
  if due then
    set_aside(KEYS[1], entry, due)
    ordered_now = ordered_now + 1
  end
end
return ordered_now
