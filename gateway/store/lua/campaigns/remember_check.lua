-- remember_check: let a draft start by what a check of it said, or not any more.
-- KEYS  1 the number's prefix
-- ARGV  1 campaign, 2 the audience that was checked, 3 when the check was asked for in µs,
--       then names and values of fields
-- Returns 1 if that was done, 0 where it is no draft with this audience, or a check that was asked for
-- later has ended.
local campaign, asked = KEYS[1] .. 'campaign:' .. ARGV[1], tonumber(ARGV[3])
local read = redis.call('HMGET', campaign, 'phase', 'audience', 'check_asked')
if read[1] ~= 'draft' or read[2] ~= ARGV[2] then return 0 end
-- A moment that is still ahead was read from a clock that stepped back since.
local known, now_us = tonumber(read[3] or 0), (clock() + 1) * 1000
if known > asked and known < now_us then return 0 end
redis.call('HSET', campaign, 'check_asked', ARGV[3], unpack(ARGV, 4))
return 1
