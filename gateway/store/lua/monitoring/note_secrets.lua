-- note_secrets: count which app secrets have matched a signature, and when.
-- KEYS  1 the hash of secrets, each with how often it matched and when last: "count|ms"
-- ARGV  1 most secrets, then of each secret its name and how often it matched since
local now = clock()
for i = 2, #ARGV, 2 do
  local count = (redis.call('HGET', KEYS[1], ARGV[i]) or '0|'):match('^%d+')
  redis.call('HSET', KEYS[1], ARGV[i], string.format('%.0f|%.0f', count + ARGV[i + 1], now))
end
local many = redis.call('HLEN', KEYS[1]) - tonumber(ARGV[1])
if many <= 0 then return 0 end
local rows, oldest = redis.call('HGETALL', KEYS[1]), {}
for i = 1, #rows, 2 do
  oldest[#oldest + 1] = {rows[i], tonumber(rows[i + 1]:match('|(%d+)$'))}
end
table.sort(oldest, function(a, b) return a[2] < b[2] end)
for i = 1, many do redis.call('HDEL', KEYS[1], oldest[i][1]) end
return many
