-- leader: take the only turn there is, keep it, or give it back.
-- KEYS  1 the key that holds it
-- ARGV  1 who asks, 2 for how many ms, 0 to give it back
-- Returns 1 where whoever asks has it now. Asking again changes nothing, so a lost answer is no
-- matter.
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
if tonumber(ARGV[2]) > 0 then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
  return 1
end
redis.call('DEL', KEYS[1])
return 0
