-- take_requests: take requests out of the bucket of an API key, and note that the key is used.
-- KEYS  1 the prefix of all that belongs to API keys
-- ARGV  1 id of the key, 2 requests a second, 3 most at once, 4 how many are wanted
-- Returns {how many were taken, how many are left, ms until there is one}.
local api, id = KEYS[1], ARGV[1]
local rate, most, wanted = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local now = clock()
local bucket = api .. 'bucket:' .. id
local f = redis.call('HMGET', bucket, 'left', 'at')
-- A clock that stepped back fills nothing, and takes nothing away.
local elapsed = math.max(0, now - tonumber(f[2] or now))
local left = math.min(most, tonumber(f[1] or most) + elapsed * rate / 1000)
local taken = math.min(wanted, math.floor(left))
left = left - taken
redis.call('HSET', bucket, 'left', string.format('%.3f', left), 'at', now)
redis.call('PEXPIRE', bucket, math.ceil(most / rate * 1000) + 60000)
if redis.call('HEXISTS', api .. 'keys', id) == 1 then redis.call('HSET', api .. 'used', id, now) end
local wait = left < 1 and math.ceil((1 - left) * 1000 / rate) or 0
return {taken, math.floor(left), wait}
