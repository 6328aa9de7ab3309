-- take_try: count a try to sign in to the console, of a name and of an address.
-- KEYS  1 the prefix of all that belongs to the console
-- ARGV  1 name, 2 address, 3 free tries of a name, 4 of an address, 5 longest wait in ms,
--       6 after how many ms without a try all are forgotten
-- Returns how many ms to wait first; 0 where the try is counted and may be made.
local now, longest, forgotten = clock(), tonumber(ARGV[5]), tonumber(ARGV[6])
local keys, wait = {KEYS[1] .. 'tries:' .. ARGV[1], KEYS[1] .. 'tries:' .. ARGV[2]}, 0
for _, key in ipairs(keys) do
  local next_at = tonumber(redis.call('HGET', key, 'next') or 0)
  -- A clock that stepped back makes nobody wait for longer.
  wait = math.max(wait, math.min(next_at - now, longest))
end
if wait > 0 then return wait end
for i, key in ipairs(keys) do
  local beyond = redis.call('HINCRBY', key, 'count', 1) - tonumber(ARGV[2 + i])
  if beyond >= 0 then
    local pause = math.min(longest, 1000 * 2 ^ math.min(beyond, 20))
    redis.call('HSET', key, 'next', string.format('%.0f', now + pause))
  end
  redis.call('PEXPIRE', key, forgotten)
end
return 0
